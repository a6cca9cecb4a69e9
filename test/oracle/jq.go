package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

func init() { dialects["jq"] = runJq }

const maxJqOutputs = 200

// In: program, input. Out: the results as jq's own JSON, and the error that ended them; an error that says "compile: "
// where there is no program. The limits are those of the oracle: the original has none.
func runJq(request []byte) (any, error) {
	var in struct {
		Program string          `json:"program"`
		Input   json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	query, err := gojq.Parse(in.Program)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	input, err := exactJSON(in.Input)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	return jqResults(code.RunWithContext(limited, input)), nil
}

func jqResults(results gojq.Iter) any {
	outputs := []string{}
	for len(outputs) < maxJqOutputs {
		value, more := results.Next()
		if !more {
			return map[string]any{"outputs": outputs}
		}
		if failure, is := value.(error); is {
			if errors.Is(failure, context.DeadlineExceeded) {
				return map[string]any{"outputs": outputs, "error": "timeout"}
			}
			return map[string]any{"outputs": outputs, "error": failure.Error()}
		}
		text, err := gojq.Marshal(value)
		if err != nil {
			return map[string]any{"outputs": outputs, "error": err.Error()}
		}
		outputs = append(outputs, string(text))
	}
	return map[string]any{"outputs": outputs, "error": "more"}
}

// Integers keep their digits, other numbers are float64: what the original takes literals of a program for.
func exactJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return exactNumbers(value), nil
}

func exactNumbers(value any) any {
	switch given := value.(type) {
	case []any:
		for at, item := range given {
			given[at] = exactNumbers(item)
		}
	case map[string]any:
		for key, item := range given {
			given[key] = exactNumbers(item)
		}
	case json.Number:
		if number, err := given.Int64(); err == nil {
			return int(number)
		}
		if whole, is := new(big.Int).SetString(given.String(), 10); is && !strings.ContainsAny(given.String(), ".eE") {
			return whole
		}
		number, _ := given.Float64()
		return number
	}
	return value
}
