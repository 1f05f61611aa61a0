package main

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

func runLoad(t *testing.T, spec loadSpec, until func(summary) bool) summary {
	t.Helper()
	spec.Netns, spec.TimeoutMs = here, 1000
	load := startLoad(spec)
	eventually(t, func() bool { return until(load.counts.now()) })
	load.stop()
	counts := load.counts.now()
	if counts.Sent != counts.OK+counts.Failed {
		t.Errorf("something is under way after the end: %s", brief(counts))
	}
	return counts
}

func brief(counts summary) string {
	counts.Failures = counts.Failures[:min(len(counts.Failures), 3)]
	return fmt.Sprintf("%+v", counts)
}

func TestLoadCountsResets(t *testing.T) {
	address := peer(t, afterOneRequest(reset))
	for _, fresh := range []bool{true, false} {
		spec := loadSpec{target: target{Address: address}, Kind: "http", PerSecond: 100, Fresh: fresh}
		counts := runLoad(t, spec, func(c summary) bool { return c.Failed >= 10 })
		if counts.OK != 0 || counts.ByKind["reset"] != counts.Failed || len(counts.Failures) != counts.Failed {
			t.Errorf("fresh %v: %s", fresh, brief(counts))
		}
	}
}

func TestLoadCountsStatus(t *testing.T) {
	address := running(t, newApplications(), "http")
	spec := loadSpec{target: target{Address: address, Path: "/?status=503"}, Kind: "http", PerSecond: 100}
	counts := runLoad(t, spec, func(c summary) bool { return c.Failed >= 5 })
	if counts.ByKind["status 503"] != counts.Failed {
		t.Error(brief(counts))
	}
}

func TestPooledLoadKeepsItsConnection(t *testing.T) {
	apps := newApplications()
	address := running(t, apps, "http")
	spec := loadSpec{target: target{Address: address}, Kind: "http", PerSecond: 50}
	counts := runLoad(t, spec, func(c summary) bool { return c.OK >= 20 })
	if seen := seenAt(apps, address); counts.Failed != 0 || seen.Connections > 3 {
		t.Errorf("%s %+v", brief(counts), seen)
	}
}

func TestRepeatedRequestsAreNotHidden(t *testing.T) {
	// answers the first request of a connection, and ends the connection at the second
	address := peer(t, func(conn *net.TCPConn) {
		afterOneRequest(func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = conn.Read(make([]byte, 1))
			reset(conn)
		})(conn)
	})
	spec := loadSpec{target: target{Address: address}, Kind: "http", PerSecond: 50}
	counts := runLoad(t, spec, func(c summary) bool { return c.OK >= 10 })
	if counts.Repeated == 0 || counts.Failed != 0 {
		t.Error(brief(counts))
	}
}

func TestSlowPeersMakeLoadSkip(t *testing.T) {
	address := peer(t, silent)
	spec := loadSpec{target: target{Address: address}, Kind: "tcp", PerSecond: 1000}
	counts := runLoad(t, spec, func(c summary) bool { return c.Skipped > 0 })
	if counts.Sent < maxInFlight || counts.ByKind["timeout"] != counts.Failed {
		t.Error(brief(counts))
	}
}

func TestLongLivedConnectionsAreCutAndReopened(t *testing.T) {
	var opened atomic.Int32
	address := peer(t, func(conn *net.TCPConn) {
		opened.Add(1)
		// a few round trips of 7 bytes and more, then the end
		_, _ = io.CopyN(conn, conn, 64)
		conn.Close()
	})
	spec := loadSpec{target: target{Address: address}, Kind: "tcp", PerSecond: 200, Connections: 3}
	counts := runLoad(t, spec, func(c summary) bool { return c.Cuts >= 6 && c.OK >= 20 })
	if counts.Cuts != len(counts.CutAt) || counts.Cuts < int(opened.Load())-3 {
		t.Errorf("%d opened: %s", opened.Load(), brief(counts))
	}
}

func TestConnectionsThatAreOnlyCutDoNotSpin(t *testing.T) {
	var opened atomic.Int32
	address := peer(t, func(conn *net.TCPConn) {
		opened.Add(1)
		conn.Close()
	})
	spec := loadSpec{target: target{Address: address}, Kind: "tcp", PerSecond: 50, Connections: 2}
	counts := runLoad(t, spec, func(c summary) bool { return c.Failed >= 10 })
	if int(opened.Load()) > counts.Sent+2 {
		t.Errorf("%d opened for %d round trips", opened.Load(), counts.Sent)
	}
}

func TestRateChanges(t *testing.T) {
	address := running(t, newApplications(), "echo")
	load := startLoad(loadSpec{target: target{Netns: here, Address: address}, Kind: "tcp", TimeoutMs: 1000})
	time.Sleep(50 * time.Millisecond)
	if sent := load.counts.now().Sent; sent != 0 {
		t.Errorf("%d sent while paused", sent)
	}
	load.setRate(200)
	eventually(t, func() bool { return load.counts.now().OK >= 10 })
	load.stop()
	load.setRate(5) // of a stopped load: nothing, and no waiting
}

func TestPace(t *testing.T) {
	start := time.Unix(0, 0)
	pace := pace{perSecond: 3, since: start}
	for _, step := range []struct {
		after time.Duration
		due   int
	}{{0, 0}, {333 * time.Millisecond, 0}, {334 * time.Millisecond, 1}, {time.Second, 2}, {11 * time.Second, 30}} {
		if due := pace.due(start.Add(step.after)); due != step.due {
			t.Errorf("after %v: %d due, not %d", step.after, due, step.due)
		}
	}
	if wait := pace.wait(start.Add(11 * time.Second)).Round(time.Millisecond); wait != 333*time.Millisecond {
		t.Errorf("next in %v", wait)
	}
}
