package main

import (
	"net"
	"sync"
)

// seen is what arrived at one port since it was opened.
type seen struct {
	Connections int `json:"connections"`
	// Connections that ended before their peer had sent a byte.
	Empty int `json:"empty"`
	// Connections that began with a TLS handshake.
	ClientHellos int `json:"clientHellos"`
	// HTTP requests.
	Requests int `json:"requests"`
	Bytes    int `json:"bytes"`
}

// countingListener counts what arrives on the wire, and can end all its connections.
type countingListener struct {
	net.Listener
	mutex sync.Mutex
	seen  seen
	// Nil once it has ended.
	open map[*countedConn]struct{}
}

func newCountingListener(inner net.Listener) *countingListener {
	return &countingListener{Listener: inner, open: map[*countedConn]struct{}{}}
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	counted := &countedConn{Conn: conn, listener: l}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.open == nil {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.seen.Connections++
	l.open[counted] = struct{}{}
	return counted, nil
}

func (l *countingListener) countRequest() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.seen.Requests++
}

func (l *countingListener) counts() seen {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.seen
}

// end closes the port and every connection that came through it.
func (l *countingListener) end() {
	l.Listener.Close()
	l.mutex.Lock()
	open := l.open
	l.open = nil
	l.mutex.Unlock()
	for conn := range open {
		conn.Conn.Close()
	}
}

type countedConn struct {
	net.Conn
	listener *countingListener
	// The first two bytes of the peer, and how many of them have come; the listener's mutex guards both.
	first    [2]byte
	arrived  int
	finished bool
}

func (c *countedConn) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	c.count(buffer[:n])
	return n, err
}

func (c *countedConn) count(bytes []byte) {
	c.listener.mutex.Lock()
	defer c.listener.mutex.Unlock()
	c.listener.seen.Bytes += len(bytes)
	if c.arrived == len(c.first) || len(bytes) == 0 {
		return
	}
	c.arrived += copy(c.first[c.arrived:], bytes)
	if c.first == [2]byte{0x16, 0x03} {
		c.listener.seen.ClientHellos++
	}
}

func (c *countedConn) Close() error {
	c.listener.mutex.Lock()
	if !c.finished && c.arrived == 0 {
		c.listener.seen.Empty++
	}
	c.finished = true
	delete(c.listener.open, c)
	c.listener.mutex.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets an HTTP server end a connection without a reset, as it would with a bare TCP connection.
func (c *countedConn) CloseWrite() error {
	return c.Conn.(*net.TCPConn).CloseWrite()
}
