package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

const here namespace = "/proc/self/ns/net"

// peer accepts connections on a port of its own and deals with each as told; it gives its address.
func peer(t *testing.T, deal func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go deal(conn.(*net.TCPConn))
		}
	}()
	return listener.Addr().String()
}

// afterOneRequest reads the head of a request first, so that a client has surely sent it.
func afterOneRequest(deal func(*net.TCPConn)) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		deal(conn)
	}
}

func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	conn.Close()
}

// silent holds a connection and never answers.
func silent(conn *net.TCPConn) {
	_, _ = io.Copy(io.Discard, conn)
}

// unused is an address at which nobody listens.
func unused(t *testing.T) string {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestKindOfFailedRequest(t *testing.T) {
	alert := func(conn *net.TCPConn) {
		_, _ = conn.Write([]byte("\x15\x03\x01\x00\x02\x02\x46")) // fatal: protocol version
		conn.Close()
	}
	for name, address := range map[string]string{
		"reset":   peer(t, afterOneRequest(reset)),
		"eof":     peer(t, afterOneRequest(func(conn *net.TCPConn) { conn.Close() })),
		"timeout": peer(t, silent),
		"refused": unused(t),
		"tls":     peer(t, afterOneRequest(alert)),
		"other":   "not-an-address:80",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			target := target{Netns: here, Address: address}
			_, err := target.exchange(ctx, newTransport(target))
			if err == nil || kindOf(err) != name {
				t.Errorf("%v is %s", err, kindOf(err))
			}
		})
	}
}

func TestKindOfFailedHandshake(t *testing.T) {
	plain := peer(t, func(conn *net.TCPConn) {
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	target := target{Netns: here, Address: plain, Protocol: "https"}
	_, err := target.exchange(t.Context(), newTransport(target))
	if err == nil || kindOf(err) != "tls" {
		t.Errorf("%v is not tls", err)
	}
}
