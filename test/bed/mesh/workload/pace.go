package main

import (
	"math"
	"time"
)

// A paused load looks again after this, or when it gets another rate.
const pause = time.Hour

// pace tells what is due at a rate. What became due while nobody looked stays due.
type pace struct {
	perSecond float64
	since     time.Time
	done      int
}

// due counts what has become due since it was last asked.
func (p *pace) due(now time.Time) int {
	all := int(math.Floor(now.Sub(p.since).Seconds()*p.perSecond + 1e-6))
	due := max(0, all-p.done)
	p.done += due
	return due
}

// wait is the time until the next is due.
func (p *pace) wait(now time.Time) time.Duration {
	if p.perSecond <= 0 {
		return pause
	}
	next := p.since.Add(time.Duration(float64(p.done+1) / p.perSecond * float64(time.Second)))
	return max(0, next.Sub(now))
}
