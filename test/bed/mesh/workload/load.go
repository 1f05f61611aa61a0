package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// However slow the peers are, no more requests of one load are under way; what is due meanwhile counts as skipped.
const maxInFlight = 200

// attempt is one request of a load; how is empty where it went well.
type attempt func(ctx context.Context) (how, text string)

// load makes attempts at a steady rate, whether or not earlier ones were answered.
type load struct {
	// next gives what to do now, or nil where nothing more can be under way.
	next     func() attempt
	close    func()
	timeout  time.Duration
	counts   *counts
	rates    chan float64
	stopping chan struct{}
	stopOnce sync.Once
	// Done when nothing is under way any more.
	group sync.WaitGroup
}

type loadSpec struct {
	target
	Kind        string
	PerSecond   float64
	Fresh       bool
	TimeoutMs   float64
	Connections int
}

func startLoad(spec loadSpec) *load {
	l := &load{
		close:    func() {},
		timeout:  milliseconds(spec.TimeoutMs),
		counts:   &counts{},
		rates:    make(chan float64),
		stopping: make(chan struct{}),
	}
	switch {
	case spec.Kind == "http" && spec.Fresh:
		l.next = slots(func(ctx context.Context) (string, string) {
			transport := newTransport(spec.target)
			defer transport.CloseIdleConnections()
			return l.exchange(ctx, spec.target, transport)
		})
	case spec.Kind == "http":
		transport := newTransport(spec.target)
		l.close = transport.CloseIdleConnections
		l.next = slots(func(ctx context.Context) (string, string) { return l.exchange(ctx, spec.target, transport) })
	case spec.Connections > 0:
		streams := openStreams(spec, l.counts)
		l.close = streams.close
		l.next = streams.next
	default:
		l.next = slots(func(ctx context.Context) (string, string) {
			return outcome(0, nil, echo(ctx, spec.Netns, spec.Address))
		})
	}
	l.group.Go(func() { l.run(spec.PerSecond) })
	return l
}

func (l *load) exchange(ctx context.Context, target target, transport *http.Transport) (how, text string) {
	response, err := target.exchange(ctx, transport)
	if response.sends > 1 {
		l.counts.repeated()
	}
	return outcome(response.status, response.body, err)
}

// slots lets the same attempt be made over and over, a limited number at a time.
func slots(try attempt) func() attempt {
	free := make(chan struct{}, maxInFlight)
	return func() attempt {
		select {
		case free <- struct{}{}:
		default:
			return nil
		}
		return func(ctx context.Context) (string, string) {
			defer func() { <-free }()
			return try(ctx)
		}
	}
}

func (l *load) run(perSecond float64) {
	pace := pace{perSecond: perSecond, since: time.Now()}
	for {
		timer := time.NewTimer(pace.wait(time.Now()))
		select {
		case <-l.stopping:
			timer.Stop()
			return
		case rate := <-l.rates:
			timer.Stop()
			pace.perSecond, pace.since, pace.done = rate, time.Now(), 0
		case <-timer.C:
			for range pace.due(time.Now()) {
				l.fire()
			}
		}
	}
}

func (l *load) fire() {
	try := l.next()
	if try == nil {
		l.counts.skip()
		return
	}
	l.counts.send()
	l.group.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
		defer cancel()
		at := time.Now()
		how, text := try(ctx)
		l.counts.finish(at, how, text)
	})
}

func (l *load) setRate(perSecond float64) {
	select {
	case l.rates <- perSecond:
	case <-l.stopping:
	}
}

// stop starts nothing more and waits for what is under way.
func (l *load) stop() {
	l.stopOnce.Do(func() { close(l.stopping) })
	l.group.Wait()
	l.close()
}
