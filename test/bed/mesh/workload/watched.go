package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// How many pieces may lie unread; only a peer that talks without being asked sends more, and they are dropped.
const unread = 256

// watched is a connection that stays open while somebody reads it all the time, and so knows at once when it ends. A
// piece is what the reader takes from it at a time: some bytes, or one whole response.
type watched[P any] struct {
	conn     net.Conn
	pieces   chan P
	speaking sync.Mutex
	mutex    sync.Mutex
	// Why it ended; net.ErrClosed where this side hung up.
	reason error
}

// watch takes a connection over. Whatever ends it, ended is called once, before anybody else learns of it.
func watch[P any](conn net.Conn, read func(*bufio.Reader) (P, error), ended func(how string, at time.Time)) *watched[P] {
	w := &watched[P]{conn: conn, pieces: make(chan P, unread)}
	go func() {
		err := w.readAll(read)
		at := time.Now()
		ended(endOf(w.end(err)), at)
		close(w.pieces)
	}()
	return w
}

func (w *watched[P]) readAll(read func(*bufio.Reader) (P, error)) error {
	reader := bufio.NewReader(w.conn)
	for {
		piece, err := read(reader)
		if err != nil {
			return err
		}
		select {
		case w.pieces <- piece:
		default:
		}
	}
}

// end closes the connection and gives why it ended: the first reason stands.
func (w *watched[P]) end(reason error) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.reason == nil {
		w.reason = reason
		w.conn.Close()
	}
	return w.reason
}

func (w *watched[P]) hang() {
	w.end(net.ErrClosed)
}

// say sends and then takes pieces until enough of them have come. An answer that does not come in time ends the
// connection, as it would else be taken for the answer to what is said next.
func (w *watched[P]) say(ctx context.Context, text string, enough func(P) bool) error {
	w.speaking.Lock()
	defer w.speaking.Unlock()
	w.forget()
	if deadline, limited := ctx.Deadline(); limited {
		_ = w.conn.SetWriteDeadline(deadline)
	}
	if _, err := io.WriteString(w.conn, text); err != nil {
		return w.fail(err)
	}
	for {
		select {
		case piece, more := <-w.pieces:
			if !more {
				return w.fail(io.EOF)
			}
			if enough(piece) {
				return nil
			}
		case <-ctx.Done():
			return w.fail(ctx.Err())
		}
	}
}

// fail ends the connection and gives why it ended, after everybody who watches it has learned of that.
func (w *watched[P]) fail(reason error) error {
	first := w.end(reason)
	for range w.pieces {
	}
	return first
}

// forget drops what came without being asked for.
func (w *watched[P]) forget() {
	for {
		select {
		case _, more := <-w.pieces:
			if more {
				continue
			}
		default:
		}
		return
	}
}

// endOf is how a connection ended: eof, reset, or hang and timeout where this side ended it.
func endOf(reason error) string {
	if errors.Is(reason, net.ErrClosed) {
		return "hang"
	}
	return kindOf(reason)
}

// readBytes takes all bytes that are there.
func readBytes(reader *bufio.Reader) (string, error) {
	if _, err := reader.Peek(1); err != nil {
		return "", err
	}
	bytes := make([]byte, reader.Buffered())
	n, err := reader.Read(bytes)
	return string(bytes[:n]), err
}

// echoOver is one round trip over a connection that stays; received is what came instead where it failed.
func echoOver(ctx context.Context, w *watched[string], text string) (received string, err error) {
	err = w.say(ctx, text, func(piece string) bool {
		received += piece
		return len(received) >= len(text)
	})
	return received, err
}
