package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// streams are long-lived TCP connections over which a load spreads its round trips, one at a time on each.
type streams struct {
	all  []*stream
	free chan *stream
	said atomic.Int64
}

func openStreams(spec loadSpec, counts *counts) *streams {
	s := &streams{free: make(chan *stream, spec.Connections)}
	var group sync.WaitGroup
	for range spec.Connections {
		each := &stream{spec: spec, counts: counts}
		s.all = append(s.all, each)
		s.free <- each
		// where it fails, its first round trip tries again and counts the failure
		group.Go(func() { _, _ = each.connection() })
	}
	group.Wait()
	return s
}

func (s *streams) next() attempt {
	select {
	case stream := <-s.free:
		return func(ctx context.Context) (string, string) {
			defer func() { s.free <- stream }()
			return outcome(0, nil, stream.roundTrip(ctx, fmt.Sprintf("ping %d\n", s.said.Add(1))))
		}
	default:
		return nil
	}
}

func (s *streams) close() {
	for _, each := range s.all {
		each.close()
	}
}

// stream is one connection, and after it was cut another in its place.
type stream struct {
	spec   loadSpec
	counts *counts
	mutex  sync.Mutex
	// Nil where it was cut and is not open again.
	open *watched[string]
	// The open one has carried a round trip.
	carried bool
	closed  bool
}

func (s *stream) roundTrip(ctx context.Context, text string) error {
	connection, err := s.connection()
	if err != nil {
		return err
	}
	received, err := echoOver(ctx, connection, text)
	if err != nil {
		return err
	}
	if received != text {
		return notEchoed(received)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.carried = true
	return nil
}

// connection gives the open connection, opened now where there is none.
func (s *stream) connection() (*watched[string], error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.open != nil || s.closed {
		return s.open, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), milliseconds(s.spec.TimeoutMs))
	defer cancel()
	conn, err := s.spec.Netns.dial(ctx, s.spec.Address)
	if err != nil {
		return nil, err
	}
	s.open, s.carried = watch(conn, readBytes, s.ended), false
	return s.open, nil
}

// ended opens another connection at once. One that never carried anything waits for its next turn: a peer that accepts
// connections only to cut them would keep this busy for ever.
func (s *stream) ended(how string, at time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open = nil
	if how != "hang" && how != "timeout" {
		s.counts.cut(at)
	}
	if s.carried && !s.closed {
		go func() { _, _ = s.connection() }()
	}
}

func (s *stream) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	if s.open != nil {
		s.open.hang()
	}
}
