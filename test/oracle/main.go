// The oracle answers with the originals of the dialects that src/base re-implements: one JSON object a line in, one a
// line out. Each dialect is a file of its own, which registers itself under its name.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// A dialect reads its own fields from the whole request; its result has to be JSON.
type dialect func(request []byte) (any, error)

var dialects = map[string]dialect{}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		text, err := json.Marshal(answer(line))
		if err != nil {
			text, _ = json.Marshal(map[string]any{"error": "no JSON: " + err.Error()})
		}
		out.Write(append(text, '\n'))
		if lines.Buffered() == 0 {
			out.Flush()
		}
	}
}

func answer(line []byte) (result map[string]any) {
	defer func() {
		if failure := recover(); failure != nil {
			result = map[string]any{"error": fmt.Sprint("panic: ", failure)}
		}
	}()
	var request struct {
		Dialect string `json:"dialect"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return map[string]any{"error": "request: " + err.Error()}
	}
	run, known := dialects[request.Dialect]
	if !known {
		return map[string]any{"error": "unknown dialect " + request.Dialect}
	}
	value, err := run(line)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"ok": value}
}
