package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

type spokenTCP struct{ *watched[string] }

func (s spokenTCP) tell(ctx context.Context, text string) (any, error) {
	start := time.Now()
	received, err := echoOver(ctx, s.watched, text)
	return echoed{received, msSince(start)}, err
}

type spokenHTTP struct {
	*watched[*http.Response]
	host string
}

type respondedOver struct {
	responded
	// The peer will answer nothing more on this connection.
	Close bool `json:"close"`
}

// tell gets a path.
func (s spokenHTTP) tell(ctx context.Context, path string) (any, error) {
	if path == "" {
		path = "/"
	}
	start := time.Now()
	var got *http.Response
	err := s.say(ctx, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.host), func(response *http.Response) bool {
		got = response
		return true
	})
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(got.Body)
	response := responded{got.StatusCode, string(body), clientCertificate(body), msSince(start)}
	return respondedOver{response, got.Close}, err
}

// readResponse takes one response, with its body; an end between two responses is EOF.
func readResponse(reader *bufio.Reader) (*http.Response, error) {
	if _, err := reader.Peek(1); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}
