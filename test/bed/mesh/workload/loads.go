package main

import (
	"fmt"
	"sync"
)

// loads are all that were started, by number; a stopped one keeps its counts.
type loads struct {
	mutex sync.Mutex
	all   []*load
}

type loadNumber struct{ Load int }

func (l *loads) start(spec loadSpec) (any, error) {
	if spec.Kind != "http" && spec.Kind != "tcp" {
		return nil, fmt.Errorf("there is no kind of load %q", spec.Kind)
	}
	started := startLoad(spec)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.all = append(l.all, started)
	return map[string]int{"load": len(l.all)}, nil
}

func (l *loads) setRate(p struct {
	Load      int
	PerSecond float64
}) (any, error) {
	found, err := l.find(p.Load)
	if err == nil {
		found.setRate(p.PerSecond)
	}
	return nil, err
}

func (l *loads) counts(p loadNumber) (any, error) {
	found, err := l.find(p.Load)
	if err != nil {
		return nil, err
	}
	return found.counts.now(), nil
}

func (l *loads) stop(p loadNumber) (any, error) {
	found, err := l.find(p.Load)
	if err != nil {
		return nil, err
	}
	found.stop()
	return found.counts.now(), nil
}

func (l *loads) find(number int) (*load, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if number < 1 || number > len(l.all) {
		return nil, fmt.Errorf("there is no load %d", number)
	}
	return l.all[number-1], nil
}
