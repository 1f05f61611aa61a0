// workload is all applications and all clients of all pods of a mesh, for tests: one process that opens its sockets in
// whatever network namespace it is told. It takes requests as JSON lines on standard input, each carried out beside the
// others, and answers on standard output:
//
//	{"id":1,"op":"serve","netns":"/run/netns/pod-1","name":"cart","servers":[{"port":8080,"kind":"http"}]}
//	{"id":1,"ok":{}}                or {"id":1,"error":"port 8080: ..."}
//	{"event":"closed","connection":7,"how":"eof","at":1767225600000.5}
//
// Times are unix milliseconds, durations milliseconds. It ends when its input ends.
package main

import (
	"fmt"
	"os"
)

func main() {
	out := newWire(os.Stdout)
	pools := newPools()
	apps := &applications{pools: pools, running: map[namespace]map[int]*application{}}
	clients := &clients{pools: pools}
	connections := &connections{out: out, open: map[int]spoken{}}
	loads := &loads{}
	err := out.serve(os.Stdin, map[string]operation{
		"serve":      on(apps.serve),
		"calls":      on(apps.setCalls),
		"seen":       on(apps.seen),
		"unserve":    on(apps.unserve),
		"request":    on(clients.request),
		"talk":       on(talk),
		"dial":       on(connections.dial),
		"say":        on(connections.say),
		"hang":       on(connections.hang),
		"load":       on(loads.start),
		"loadRate":   on(loads.setRate),
		"loadCounts": on(loads.counts),
		"loadStop":   on(loads.stop),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
