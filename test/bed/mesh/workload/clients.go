package main

import (
	"context"
	"encoding/json"
	"time"
)

// clients make single requests from any pod.
type clients struct {
	pools *pools
}

type responded struct {
	Status            int     `json:"status"`
	Body              string  `json:"body"`
	ClientCertificate *string `json:"clientCertificate"`
	Ms                float64 `json:"ms"`
}

func (c *clients) request(p struct {
	target
	Fresh     *bool
	TimeoutMs float64
}) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), milliseconds(p.TimeoutMs))
	defer cancel()
	start := time.Now()
	transport := c.pools.of(p.target)
	if p.Fresh == nil || *p.Fresh {
		transport = newTransport(p.target)
		defer transport.CloseIdleConnections()
	}
	response, err := p.exchange(ctx, transport)
	if err != nil {
		return failed(err, start), nil
	}
	return responded{response.status, string(response.body), clientCertificate(response.body), msSince(start)}, nil
}

// clientCertificate finds what an application of this program saw; nil where somebody else answered.
func clientCertificate(body []byte) *string {
	var page page
	if json.Unmarshal(body, &page) != nil {
		return nil
	}
	return page.ClientCertificate
}
