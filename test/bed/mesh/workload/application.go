package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

const banner = "220 ready\r\n"

// application serves one port of one pod.
type application struct {
	netns    namespace
	name     string
	port     int
	calls    atomic.Pointer[[]call]
	pools    *pools
	listener *countingListener
}

func startApplication(netns namespace, name string, spec serverSpec, pools *pools) (*application, error) {
	app := &application{netns: netns, name: name, port: spec.Port, pools: pools}
	app.calls.Store(&spec.Calls)
	run, err := app.server(spec.Kind)
	if err != nil {
		return nil, err
	}
	port, err := netns.listen(spec.Port)
	if err != nil {
		return nil, err
	}
	app.listener = newCountingListener(port)
	go run()
	return app, nil
}

// server gives what serves the listener until that is closed.
func (a *application) server(kind string) (run func(), err error) {
	switch kind {
	case "http":
		return func() { a.serveHTTP(a.listener, true) }, nil
	case "tls":
		certificate, err := selfSigned()
		config := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
		return func() { a.serveHTTP(tls.NewListener(a.listener, config), false) }, err
	case "echo":
		return func() { a.serveEcho("") }, nil
	case "banner":
		return func() { a.serveEcho(banner) }, nil
	}
	return nil, fmt.Errorf("there is no kind of server %q", kind)
}

func (a *application) serveHTTP(listener net.Listener, http2 bool) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(http2)
	server := http.Server{Handler: a, Protocols: protocols, ErrorLog: log.New(defects{}, "", 0)}
	_ = server.Serve(listener)
}

func (a *application) serveEcho(greeting string) {
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if _, err := io.WriteString(conn, greeting); err == nil {
				_, _ = io.Copy(conn, conn)
			}
		}()
	}
}

func (a *application) stop() {
	a.listener.end()
}

// defects passes on what a server logs about itself; what it logs about its peers is what tests are about.
type defects struct{}

func (defects) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "panic") {
		return os.Stderr.Write(line)
	}
	return len(line), nil
}
