package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// connections are those that a test holds open, by number.
type connections struct {
	out   *wire
	mutex sync.Mutex
	last  int
	open  map[int]spoken
}

// spoken is a connection in whichever protocol.
type spoken interface {
	// tell is one round trip over it.
	tell(ctx context.Context, text string) (any, error)
	hang()
}

type closed struct {
	Event      string  `json:"event"`
	Connection int     `json:"connection"`
	How        string  `json:"how"`
	At         float64 `json:"at"`
}

func (c *connections) dial(p struct {
	Netns   namespace
	Address string
	Kind    string
	Host    string
}) (any, error) {
	conn, err := p.Netns.dial(context.Background(), p.Address)
	if err != nil {
		return nil, err
	}
	number := c.next()
	ended := func(how string, at time.Time) { c.out.send(closed{"closed", number, how, unixMs(at)}) }
	if p.Kind == "tcp" {
		c.add(number, spokenTCP{watch(conn, readBytes, ended)})
	} else {
		host := p.Host
		if host == "" {
			host = p.Address
		}
		c.add(number, spokenHTTP{watch(conn, readResponse, ended), host})
	}
	return map[string]int{"connection": number}, nil
}

func (c *connections) say(p struct {
	Connection int
	Text       string
	TimeoutMs  float64
}) (any, error) {
	c.mutex.Lock()
	connection := c.open[p.Connection]
	c.mutex.Unlock()
	if connection == nil {
		return nil, fmt.Errorf("there is no connection %d", p.Connection)
	}
	ctx, cancel := context.WithTimeout(context.Background(), milliseconds(p.TimeoutMs))
	defer cancel()
	start := time.Now()
	said, err := connection.tell(ctx, p.Text)
	if err != nil {
		return failed(err, start), nil
	}
	return said, nil
}

func (c *connections) hang(p struct{ Connection int }) (any, error) {
	c.mutex.Lock()
	connection := c.open[p.Connection]
	delete(c.open, p.Connection)
	c.mutex.Unlock()
	if connection != nil {
		connection.hang()
	}
	return nil, nil
}

func (c *connections) next() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.last++
	return c.last
}

func (c *connections) add(number int, connection spoken) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.open[number] = connection
}
