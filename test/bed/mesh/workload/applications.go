package main

import (
	"fmt"
	"sync"
)

// applications are what runs in all pods, by network namespace and port.
type applications struct {
	pools   *pools
	mutex   sync.Mutex
	running map[namespace]map[int]*application
}

type serverSpec struct {
	Port  int
	Kind  string
	Calls []call
}

func (a *applications) serve(p struct {
	Netns   namespace
	Name    string
	Servers []serverSpec
}) (any, error) {
	var started []*application
	for _, spec := range p.Servers {
		app, err := startApplication(p.Netns, p.Name, spec, a.pools)
		if err != nil {
			for _, each := range started {
				each.stop()
			}
			return nil, fmt.Errorf("port %d: %w", spec.Port, err)
		}
		started = append(started, app)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.running[p.Netns] == nil {
		a.running[p.Netns] = map[int]*application{}
	}
	for _, app := range started {
		a.running[p.Netns][app.port] = app
	}
	return nil, nil
}

func (a *applications) setCalls(p struct {
	Netns namespace
	Port  int
	Calls []call
}) (any, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	app := a.running[p.Netns][p.Port]
	if app == nil {
		return nil, fmt.Errorf("nothing serves port %d in %s", p.Port, p.Netns)
	}
	app.calls.Store(&p.Calls)
	return nil, nil
}

func (a *applications) seen(p struct{ Netns namespace }) (any, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.running[p.Netns] == nil {
		return nil, fmt.Errorf("nothing serves in %s", p.Netns)
	}
	byPort := map[int]seen{}
	for port, app := range a.running[p.Netns] {
		byPort[port] = app.listener.counts()
	}
	return byPort, nil
}

// unserve ends what runs in a namespace, as if its processes had been killed: ports, connections that came in through
// them and pooled connections to others. Dialled connections and loads have handles of their own and stay.
func (a *applications) unserve(p struct{ Netns namespace }) (any, error) {
	a.mutex.Lock()
	ending := a.running[p.Netns]
	delete(a.running, p.Netns)
	a.mutex.Unlock()
	for _, app := range ending {
		app.stop()
	}
	a.pools.drop(p.Netns)
	return nil, nil
}
