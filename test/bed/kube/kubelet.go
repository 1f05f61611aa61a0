package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

const portForwardProtocol = "portforward.k8s.io"

// kubelet serves what the API server asks a node for `kubectl port-forward`, and nothing else a kubelet does. A pod is a
// network namespace; which one is read anew for every request, since pods come and go.
func kubelet(arguments []string) error {
	flags := flag.NewFlagSet("kubelet", flag.ExitOnError)
	address := flags.String("address", "", "ip:port to listen on")
	pods := flags.String("pods", "", `JSON file: {"NAMESPACE/POD": "path of its network namespace"}`)
	_ = flags.Parse(arguments) // it exits
	host, _, err := net.SplitHostPort(*address)
	if err != nil {
		return err
	}
	// the API server does not check it unless told to
	certificate, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/portForward/{namespace}/{pod}", func(w http.ResponseWriter, r *http.Request) {
		netns, err := netnsOf(*pods, r.PathValue("namespace")+"/"+r.PathValue("pod"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		servePortForward(w, r, netns)
	})
	server := http.Server{
		Addr:      *address,
		Handler:   mux,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}},
		// a connection of HTTP/2 cannot become one of SPDY
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	return server.ListenAndServeTLS("", "")
}

func netnsOf(file, pod string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var known map[string]string
	if err := json.Unmarshal(text, &known); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	netns, ok := known[pod]
	if !ok {
		return "", fmt.Errorf("pod %s does not run here", pod)
	}
	return netns, nil
}

// servePortForward takes two streams for each connection of the client, one for errors and one for data, until the
// client ends it all.
func servePortForward(w http.ResponseWriter, r *http.Request, netns string) {
	if _, err := httpstream.Handshake(r, w, []string{portForwardProtocol}); err != nil {
		log.Print(err) // the client has it too
		return
	}
	var lock sync.Mutex
	waiting := map[string]httpstream.Stream{}
	connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, replied <-chan struct{}) error {
		id := stream.Headers().Get(corev1.PortForwardRequestIDHeader)
		lock.Lock()
		defer lock.Unlock()
		other, ok := waiting[id]
		if !ok {
			waiting[id] = stream
			return nil
		}
		delete(waiting, id)
		failures, data := other, stream
		if stream.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
			failures, data = stream, other
		}
		go func() {
			<-replied
			forward(netns, failures, data)
		}()
		return nil
	})
	if connection == nil {
		return
	}
	defer connection.Close()
	<-connection.CloseChan()
}

// forward joins a client to the port it asked for; what goes wrong before that is written for it to read.
func forward(netns string, failures, data httpstream.Stream) {
	defer failures.Close()
	defer data.Close()
	server, err := dialInside(netns, "127.0.0.1:"+data.Headers().Get(corev1.PortHeader))
	if err != nil {
		fmt.Fprint(failures, err)
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, data)
		// the answer to the last request is still to come
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(data, server)
}

// dialInside connects from a thread inside a network namespace. The socket stays there; the thread, which no other work
// may get, ends with its goroutine.
func dialInside(netns, address string) (net.Conn, error) {
	type result struct {
		server net.Conn
		err    error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		server, err := connect(netns, address)
		done <- result{server, err}
	}()
	r := <-done
	return r.server, r.err
}

func connect(netns, address string) (net.Conn, error) {
	there, err := os.Open(netns)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter %s: %w", netns, err)
	}
	return net.Dial("tcp4", address)
}
