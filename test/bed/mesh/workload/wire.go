package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// operation takes a whole request and gives what stands under "ok" in its answer.
type operation func(request json.RawMessage) (any, error)

// on makes an operation of a function that takes its parameters decoded.
func on[P any](do func(P) (any, error)) operation {
	return func(request json.RawMessage) (any, error) {
		var parameters P
		if err := json.Unmarshal(request, &parameters); err != nil {
			return nil, err
		}
		return do(parameters)
	}
}

type answer struct {
	ID    int64  `json:"id"`
	OK    any    `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
}

// wire writes JSON values, one a line, each whole.
type wire struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func newWire(out io.Writer) *wire {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return &wire{encoder: encoder}
}

func (w *wire) send(value any) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if err := w.encoder.Encode(value); err != nil {
		// without a reader, or with a value that JSON lacks, nothing this program does is of use
		fmt.Fprintln(os.Stderr, "answering:", err)
		os.Exit(1)
	}
}

// serve runs every request of the input at once, beside the others, until the input ends.
func (w *wire) serve(in io.Reader, operations map[string]operation) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var head struct {
			ID int64
			Op string
		}
		if err := json.Unmarshal(line, &head); err != nil {
			return fmt.Errorf("request %q: %w", line, err)
		}
		go func() { w.send(perform(head.ID, operations[head.Op], head.Op, line)) }()
	}
}

func perform(id int64, do operation, name string, request json.RawMessage) answer {
	if do == nil {
		return answer{ID: id, Error: "there is no operation " + name}
	}
	result, err := do(request)
	if err != nil {
		return answer{ID: id, Error: err.Error()}
	}
	if result == nil {
		result = struct{}{}
	}
	return answer{ID: id, OK: result}
}
