package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/antonmedv/expr"
	"github.com/antonmedv/expr/builtin"
)

func init() { dialects["expr"] = runExpr }

// In: expression, values, functions (whether asInt and asFloat are there). Out: the value with its types told apart; an error that says "parse: " or "evaluate: ".
func runExpr(request []byte) (any, error) {
	var in struct {
		Expression string         `json:"expression"`
		Values     map[string]any `json:"values"`
		Functions  bool           `json:"functions"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	program, err := expr.Compile(in.Expression)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if in.Values == nil {
		in.Values = map[string]any{}
	}
	if in.Functions {
		in.Values["asInt"] = builtin.Int
		in.Values["asFloat"] = builtin.Float
	}
	value, err := expr.Run(program, in.Values)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	return typed(value), nil
}

// What JSON has is itself, but for numbers; all else is an object of its type and its content.
func typed(value any) any {
	switch given := value.(type) {
	case nil, bool:
		return value
	case string:
		if utf8.ValidString(given) {
			return given
		}
		return map[string]any{"bytes": []byte(given)}
	case time.Time:
		return map[string]any{"time.Time": given.String()}
	case float64:
		return map[string]any{"float64": strconv.FormatFloat(given, 'g', -1, 64)}
	}
	of := reflect.ValueOf(value)
	name := of.Type().String()
	if name == "int64" {
		name = "int" // we have one type for both
	}
	switch of.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint8:
		return map[string]any{name: fmt.Sprintf("%d", value)}
	case reflect.Slice, reflect.Array:
		if of.Kind() == reflect.Slice && of.IsNil() {
			return map[string]any{name: nil}
		}
		items := make([]any, of.Len())
		for at := range items {
			items[at] = typed(of.Index(at).Interface())
		}
		return map[string]any{name: items}
	case reflect.Map:
		if of.IsNil() {
			return map[string]any{name: nil}
		}
		return map[string]any{name: entries(of)}
	}
	return map[string]any{of.Kind().String(): nil}
}

func entries(of reflect.Value) []string {
	texts := []string{}
	for _, key := range of.MapKeys() {
		text, _ := json.Marshal([]any{typed(key.Interface()), typed(of.MapIndex(key).Interface())})
		texts = append(texts, string(text))
	}
	sort.Strings(texts)
	return texts
}
