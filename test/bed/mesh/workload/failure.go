package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// failure is how an exchange with a peer failed: an answer, not an error of the protocol.
type failure struct {
	Failed string  `json:"failed"`
	Text   string  `json:"text"`
	Ms     float64 `json:"ms"`
}

func failed(err error, since time.Time) failure {
	return failure{Failed: kindOf(err), Text: err.Error(), Ms: msSince(since)}
}

// kindOf tells what the peer did: reset, refused, eof, timeout, tls or other.
func kindOf(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, http.ErrSchemeMismatch), speaksTLS(err.Error()):
		return "tls"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "server closed idle connection"):
		return "eof"
	}
	return "other"
}

// speaksTLS knows the messages of crypto/tls, and an HTTP client that got a TLS alert for an answer.
func speaksTLS(text string) bool {
	return strings.Contains(text, "tls: ") || strings.Contains(text, `malformed HTTP response "\x15\x03`)
}

// unixMs is a time as it stands in every answer.
func unixMs(at time.Time) float64 {
	return float64(at.UnixMicro()) / 1000
}

func msSince(start time.Time) float64 {
	return float64(time.Since(start).Microseconds()) / 1000
}

func milliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}
