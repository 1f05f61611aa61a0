package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const keptFailures = 200

// counts is what became of the attempts of one load.
type counts struct {
	mutex sync.Mutex
	summary
	tookMs []float64
}

type summary struct {
	Sent   int `json:"sent"`
	OK     int `json:"ok"`
	Failed int `json:"failed"`
	// Due but not sent, since too many were under way.
	Skipped int `json:"skipped"`
	// Sent again by the HTTP client after a pooled connection had ended instead of answering.
	Repeated int            `json:"repeated"`
	ByKind   map[string]int `json:"byKind"`
	Failures []failedTry    `json:"failures"`
	// Of those that have ended, well or not.
	MaxMs float64 `json:"maxMs"`
	P50Ms float64 `json:"p50Ms"`
	P99Ms float64 `json:"p99Ms"`
	// Long-lived connections that their peer ended.
	Cuts  int       `json:"cuts"`
	CutAt []float64 `json:"cutAt"`
}

type failedTry struct {
	At   float64 `json:"at"`
	Ms   float64 `json:"ms"`
	How  string  `json:"how"`
	Text string  `json:"text"`
}

// outcome of an exchange: empty where it went well, else how it failed and what was said about it.
func outcome(status int, body []byte, err error) (how, text string) {
	switch {
	case err != nil:
		return kindOf(err), err.Error()
	case status != 0 && (status < 200 || status > 299):
		return fmt.Sprintf("status %d", status), string(body[:min(len(body), 300)])
	}
	return "", ""
}

func (c *counts) send() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Sent++
}

func (c *counts) skip() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Skipped++
}

func (c *counts) repeated() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Repeated++
}

func (c *counts) cut(at time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Cuts++
	c.CutAt = append(c.CutAt, unixMs(at))
}

func (c *counts) finish(at time.Time, how, text string) {
	ms := msSince(at)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.tookMs = append(c.tookMs, ms)
	if how == "" {
		c.OK++
		return
	}
	c.Failed++
	if c.ByKind == nil {
		c.ByKind = map[string]int{}
	}
	c.ByKind[how]++
	if len(c.Failures) < keptFailures {
		c.Failures = append(c.Failures, failedTry{unixMs(at), ms, how, text})
	}
}

// now is a copy of the counts.
func (c *counts) now() summary {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := c.summary
	now.ByKind = map[string]int{}
	for how, count := range c.ByKind {
		now.ByKind[how] = count
	}
	now.Failures = append([]failedTry{}, c.Failures...)
	now.CutAt = append([]float64{}, c.CutAt...)
	took := slices.Sorted(slices.Values(c.tookMs))
	now.MaxMs, now.P50Ms, now.P99Ms = quantile(took, 1), quantile(took, 0.5), quantile(took, 0.99)
	return now
}

// quantile of sorted values by nearest rank; 0 where there are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*q))]
}
