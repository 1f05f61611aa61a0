package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

const greeting = "how are you\n"

type echoed struct {
	Received string  `json:"received"`
	Ms       float64 `json:"ms"`
}

type talkFailed struct {
	failure
	// What came before it failed.
	Received string `json:"received"`
}

// talk opens one connection, sends, and reads as many bytes as it sent; without anything to send, the first bytes.
func talk(p struct {
	Netns     namespace
	Address   string
	Send      string
	TimeoutMs float64
}) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), milliseconds(p.TimeoutMs))
	defer cancel()
	start := time.Now()
	received, err := roundTrip(ctx, p.Netns, p.Address, p.Send)
	if err != nil {
		return talkFailed{failed(err, start), received}, nil
	}
	return echoed{received, msSince(start)}, nil
}

// echo is one round trip over a connection of its own.
func echo(ctx context.Context, netns namespace, address string) error {
	received, err := roundTrip(ctx, netns, address, greeting)
	if err == nil && received != greeting {
		return notEchoed(received)
	}
	return err
}

func notEchoed(received string) error {
	return fmt.Errorf("no echo but %q", received)
}

func roundTrip(ctx context.Context, netns namespace, address, text string) (received string, err error) {
	conn, err := netns.dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if text == "" {
		buffer := make([]byte, 4096)
		n, err := conn.Read(buffer)
		return string(buffer[:n]), err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	buffer := make([]byte, len(text))
	n, err := io.ReadFull(conn, buffer)
	return string(buffer[:n]), err
}
