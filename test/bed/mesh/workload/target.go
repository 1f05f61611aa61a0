package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// target is an HTTP request: from where, to whom, what.
type target struct {
	Netns   namespace
	Address string
	// What the Host header says; the address unless given.
	Host   string
	Path   string
	Method string
	// "http1" unless given, "h2c", or "https" for applications with TLS of their own, whose certificate nobody checks.
	Protocol string
	Headers  map[string]string
}

type response struct {
	status int
	body   []byte
	// How often it was sent: Go's client repeats a request where a pooled connection ends instead of answering it.
	sends int
}

func (t target) exchange(ctx context.Context, transport *http.Transport) (response, error) {
	var sends atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sends.Add(1) },
	})
	request, err := t.request(ctx)
	if err != nil {
		return response{}, err
	}
	// not through http.Client: a redirection is an answer
	got, err := transport.RoundTrip(request)
	if err != nil {
		return response{sends: int(sends.Load())}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return response{status: got.StatusCode, body: body, sends: int(sends.Load())}, err
}

func (t target) request(ctx context.Context) (*http.Request, error) {
	scheme := "http"
	if t.Protocol == "https" {
		scheme = "https"
	}
	path := t.Path
	if path == "" {
		path = "/"
	}
	request, err := http.NewRequestWithContext(ctx, t.Method, fmt.Sprintf("%s://%s%s", scheme, t.Address, path), nil)
	if err != nil {
		return nil, err
	}
	for name, value := range t.Headers {
		request.Header.Set(name, value)
	}
	request.Host = t.Host
	return request, nil
}

func newTransport(t target) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(t.Protocol != "h2c")
	protocols.SetUnencryptedHTTP2(t.Protocol == "h2c")
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return t.Netns.dial(ctx, address)
		},
		Protocols:           protocols,
		TLSClientConfig:     &tls.Config{ServerName: t.Host, InsecureSkipVerify: true},
		MaxIdleConnsPerHost: maxInFlight,
		DisableCompression:  true,
	}
}

// pools are the kept-alive connections of the pods, apart by namespace, protocol and TLS server name.
type pools struct {
	mutex      sync.Mutex
	transports map[poolKey]*http.Transport
}

type poolKey struct {
	netns          namespace
	protocol, host string
}

func newPools() *pools {
	return &pools{transports: map[poolKey]*http.Transport{}}
}

func (p *pools) of(t target) *http.Transport {
	key := poolKey{netns: t.Netns, protocol: t.Protocol}
	if t.Protocol == "https" {
		key.host = t.Host
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.transports[key] == nil {
		p.transports[key] = newTransport(t)
	}
	return p.transports[key]
}

func (p *pools) drop(netns namespace) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for key, transport := range p.transports {
		if key.netns == netns {
			transport.CloseIdleConnections()
			delete(p.transports, key)
		}
	}
}
