package main

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"testing"
	"time"
)

// running starts one application in the present namespace and gives its address.
func running(t *testing.T, apps *applications, kind string, calls ...call) string {
	t.Helper()
	port := int(netip.MustParseAddrPort(unused(t)).Port())
	_, err := apps.serve(struct {
		Netns   namespace
		Name    string
		Servers []serverSpec
	}{here, "app", []serverSpec{{port, kind, calls}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = apps.unserve(struct{ Netns namespace }{here}) })
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)).String()
}

func newApplications() *applications {
	return &applications{pools: newPools(), running: map[namespace]map[int]*application{}}
}

func seenAt(apps *applications, address string) seen {
	return apps.running[here][int(netip.MustParseAddrPort(address).Port())].listener.counts()
}

// eventually waits for what is counted only when the other side has noticed.
func eventually(t *testing.T, look func() bool) {
	t.Helper()
	for range 200 {
		if look() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("never came true")
}

func get(t *testing.T, target target) response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	transport := newTransport(target)
	defer transport.CloseIdleConnections()
	response, err := target.exchange(ctx, transport)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestOnePortSpeaksBothVersions(t *testing.T) {
	apps := newApplications()
	address := running(t, apps, "http")
	for _, protocol := range []string{"http1", "h2c"} {
		headers := map[string]string{"x-forwarded-client-cert": "URI=spiffe://a"}
		response := get(t, target{Netns: here, Address: address, Protocol: protocol, Path: "/x", Headers: headers})
		certificate := clientCertificate(response.body)
		if response.status != 200 || certificate == nil || *certificate != "URI=spiffe://a" {
			t.Errorf("%s: %d %s", protocol, response.status, response.body)
		}
	}
	if seen := seenAt(apps, address); seen.Requests != 2 || seen.Connections != 2 || seen.ClientHellos != 0 {
		t.Errorf("%+v", seen)
	}
}

func TestOwnTLSIsCountedAsItArrives(t *testing.T) {
	apps := newApplications()
	address := running(t, apps, "tls")
	response := get(t, target{Netns: here, Address: address, Protocol: "https", Host: "my-app.local"})
	if seen := seenAt(apps, address); response.status != 200 || seen.ClientHellos != 1 || seen.Requests != 1 {
		t.Errorf("%d %+v", response.status, seen)
	}
}

func TestFirstBytes(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []string
		want   seen
	}{
		"nothing":             {nil, seen{Connections: 1, Empty: 1}},
		"plain":               {[]string{"hello"}, seen{Connections: 1, Bytes: 5}},
		"hello":               {[]string{"\x16\x03\x01"}, seen{Connections: 1, ClientHellos: 1, Bytes: 3}},
		"hello in two pieces": {[]string{"\x16", "\x03\x01"}, seen{Connections: 1, ClientHellos: 1, Bytes: 3}},
		"hello later":         {[]string{"a", "\x16\x03"}, seen{Connections: 1, Bytes: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			apps := newApplications()
			address := running(t, apps, "echo")
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			for _, piece := range c.pieces {
				_, _ = conn.Write([]byte(piece))
				_, _ = conn.Read(make([]byte, 16)) // the echo: the piece has arrived
			}
			conn.Close()
			eventually(t, func() bool { return seenAt(apps, address) == c.want })
		})
	}
}

func TestServerThatSpeaksFirst(t *testing.T) {
	received, err := roundTrip(t.Context(), here, running(t, newApplications(), "banner"), "")
	if received != banner || err != nil {
		t.Errorf("%q %v", received, err)
	}
}

func TestAnswerNamesTheCallThatFailed(t *testing.T) {
	apps := newApplications()
	good, echoes, nobody := running(t, apps, "http"), running(t, apps, "echo"), unused(t)
	address := running(t, apps, "http", call{"http", good, ""}, call{"tcp", echoes, ""}, call{"http", nobody, ""})
	response := get(t, target{Netns: here, Address: address})
	var page page
	if err := json.Unmarshal(response.body, &page); err != nil {
		t.Fatal(err)
	}
	if response.status != 502 || len(page.FailedCalls) != 1 || page.FailedCalls[0].Failed != "refused" {
		t.Errorf("%d %+v", response.status, page)
	}
	if health := get(t, target{Netns: here, Address: address, Path: "/healthz"}); health.status != 200 {
		t.Errorf("/healthz makes calls: %d %s", health.status, health.body)
	}
	if seen := seenAt(apps, good); seen.Requests != 1 {
		t.Errorf("%+v", seen)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	apps := newApplications()
	port := int(netip.MustParseAddrPort(running(t, apps, "http")).Port())
	free := int(netip.MustParseAddrPort(unused(t)).Port())
	serve := func(ports ...int) error {
		var specs []serverSpec
		for _, port := range ports {
			specs = append(specs, serverSpec{Port: port, Kind: "echo"})
		}
		_, err := apps.serve(struct {
			Netns   namespace
			Name    string
			Servers []serverSpec
		}{here, "second", specs})
		return err
	}
	if err := serve(free, port); err == nil {
		t.Fatal("two servers on one port")
	}
	if err := serve(free); err != nil {
		t.Errorf("a start that failed keeps a port: %v", err)
	}
}
