package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"
)

// However long a caller would wait: an attempt to connect that nobody waits for any more must end too.
const connectTimeout = 10 * time.Second

// namespace is the path of a file that stands for a network namespace. A socket belongs for all its life to the namespace
// of the thread that made it, so only making one needs a thread in there.
type namespace string

// dial connects from inside the namespace to a literal ip:port.
func (n namespace) dial(ctx context.Context, address string) (net.Conn, error) {
	// a name would be looked up by another thread, in another namespace
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err
	}
	return inside(n, func(leave control) (net.Conn, error) {
		dialer := net.Dialer{Timeout: connectTimeout, Control: leave}
		return dialer.DialContext(ctx, "tcp", address)
	})
}

// listen opens a port on all IPv4 addresses of the namespace.
func (n namespace) listen(port int) (net.Listener, error) {
	return inside(n, func(leave control) (net.Listener, error) {
		config := net.ListenConfig{Control: leave}
		config.SetMultipathTCP(false)
		return config.Listen(context.Background(), "tcp4", fmt.Sprintf("0.0.0.0:%d", port))
	})
}

// control is what package net calls when a socket is made and before it is connected or bound.
type control = func(network, address string, socket syscall.RawConn) error

// inside calls open on a thread that is in the namespace; open calls leave as soon as its socket is made. A thread that
// could not go back stays locked to its goroutine and ends with it.
func inside[T any](n namespace, open func(leave control) (T, error)) (T, error) {
	type result struct {
		opened T
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		leave, err := n.enter()
		if err == nil {
			r.opened, r.err = open(func(string, string, syscall.RawConn) error { return leave() })
		} else {
			r.err = err
		}
		done <- r
	}()
	r := <-done
	return r.opened, r.err
}

// enter locks the calling goroutine to its thread and moves that into the namespace; leave undoes both.
func (n namespace) enter() (leave func() error, err error) {
	there, err := os.Open(string(n))
	if err != nil {
		return nil, err
	}
	defer there.Close()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	if same(there, home) {
		// needs no rights then
		runtime.UnlockOSThread()
		return home.Close, nil
	}
	if err := setns(there); err != nil {
		return nil, fmt.Errorf("enter %s: %w", n, err)
	}
	return func() error {
		defer home.Close()
		if err := setns(home); err != nil {
			return fmt.Errorf("leave %s: %w", n, err)
		}
		runtime.UnlockOSThread()
		return nil
	}, nil
}

func setns(file *os.File) error {
	_, _, errno := syscall.RawSyscall(sysSetns, file.Fd(), syscall.CLONE_NEWNET, 0)
	if errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	return nil
}

func same(a, b *os.File) bool {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
