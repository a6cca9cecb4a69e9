package main

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/Knetic/govaluate"
)

func init() { dialects["govaluate"] = runGovaluate }

// In: expression, values. Out: the value, where a number that JSON does not know is a text such as "NaN"; an error that
// says "parse: " or "evaluate: ".
func runGovaluate(request []byte) (any, error) {
	var in struct {
		Expression string         `json:"expression"`
		Values     map[string]any `json:"values"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	parsed, err := parseGovaluate(in.Expression)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	for name, value := range in.Values {
		in.Values[name] = clipped(value)
	}
	value, err := parsed.Evaluate(in.Values)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	return map[string]any{"type": fmt.Sprintf("%T", value), "value": finite(value)}, nil
}

// The original panics on a backslash at the end: an error of the parser all the same.
func parseGovaluate(text string) (parsed *govaluate.EvaluableExpression, err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("panic: %v", failure)
		}
	}()
	return govaluate.NewEvaluableExpression(text)
}

// Without spare capacity, so that a list in an expression does not write into one of the values.
func clipped(value any) any {
	list, is := value.([]any)
	if !is {
		return value
	}
	return append(make([]any, 0, len(list)), list...)
}

func finite(value any) any {
	switch given := value.(type) {
	case float64:
		if math.IsNaN(given) || math.IsInf(given, 0) || (given == 0 && math.Signbit(given)) {
			return fmt.Sprint(given)
		}
	case []any:
		items := make([]any, len(given))
		for at, item := range given {
			items[at] = finite(item)
		}
		return items
	}
	return value
}
