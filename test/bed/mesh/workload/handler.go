package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const callTimeout = 5 * time.Second

// call is a request that an application makes before it answers its own.
type call struct {
	// "http" over a pooled connection, or "tcp": an echo over a connection of its own.
	Kind    string
	Address string
	Host    string
}

type failedCall struct {
	Call   string `json:"call"`
	Failed string `json:"failed"`
	Text   string `json:"text"`
}

// page is the body of every answer.
type page struct {
	Name string `json:"name"`
	Port int    `json:"port"`
	Path string `json:"path"`
	// What the sidecar says about the client's certificate: null where there was none.
	ClientCertificate *string      `json:"clientCertificate"`
	FailedCalls       []failedCall `json:"failedCalls,omitempty"`
}

// ServeHTTP answers 200; 502 where one of its calls failed; ?status=503 and ?delay=200ms make it fail or wait.
func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.listener.countRequest()
	status, delay, err := onDemand(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	page := page{Name: a.name, Port: a.port, Path: r.URL.Path}
	if values := r.Header.Values("x-forwarded-client-cert"); len(values) > 0 {
		joined := strings.Join(values, ",")
		page.ClientCertificate = &joined
	}
	if !strings.HasPrefix(r.URL.Path, "/health") {
		page.FailedCalls = a.callOthers(r.Context())
	}
	if len(page.FailedCalls) > 0 {
		status = http.StatusBadGateway
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(page)
}

func onDemand(r *http.Request) (status int, delay time.Duration, err error) {
	status = http.StatusOK
	query := r.URL.Query()
	if text := query.Get("status"); text != "" {
		status, err = strconv.Atoi(text)
		if err == nil && (status < 200 || status > 599) {
			err = fmt.Errorf("status %d", status)
		}
	}
	if text := query.Get("delay"); text != "" && err == nil {
		delay, err = time.ParseDuration(text)
	}
	return status, delay, err
}

// callOthers makes all calls at once and gives those that failed.
func (a *application) callOthers(ctx context.Context) []failedCall {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	calls := *a.calls.Load()
	results := make([]*failedCall, len(calls))
	var group sync.WaitGroup
	for i, call := range calls {
		group.Go(func() {
			if how, text := a.make(ctx, call); how != "" {
				results[i] = &failedCall{Call: call.Kind + " " + call.Address, Failed: how, Text: text}
			}
		})
	}
	group.Wait()
	var failed []failedCall
	for _, result := range results {
		if result != nil {
			failed = append(failed, *result)
		}
	}
	return failed
}

func (a *application) make(ctx context.Context, c call) (how, text string) {
	if c.Kind == "tcp" {
		return outcome(0, nil, echo(ctx, a.netns, c.Address))
	}
	target := target{Netns: a.netns, Address: c.Address, Host: c.Host}
	response, err := target.exchange(ctx, a.pools.of(target))
	return outcome(response.status, response.body, err)
}
