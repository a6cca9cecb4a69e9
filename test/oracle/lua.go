package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func init() { dialects["lua"] = runLua }

// In: script, event (an object). Out: the top of the stack after the script, as JSON by the largest index, where a number
// that JSON does not know is a text such as "NaN"; an error that says "parse: " or "run: ".
func runLua(request []byte) (any, error) {
	var in struct {
		Script string         `json:"script"`
		Event  map[string]any `json:"event"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	state := lua.NewState()
	defer state.Close()
	limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("event", luaObject(in.Event))
	chunk, err := state.LoadString(in.Script)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	state.Push(chunk)
	if err := state.PCall(0, lua.MultRet, nil); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	return luaResult(state.Get(-1))
}

func luaObject(fields map[string]any) *lua.LTable {
	table := &lua.LTable{}
	for name, field := range fields {
		if list, is := field.([]any); is {
			table.RawSetString(name, luaList(list))
		} else if value := luaScalarOrObject(field); value != nil {
			table.RawSetString(name, value)
		}
	}
	return table
}

// Without nulls and without lists, of which the spec says that they vanish here.
func luaList(items []any) *lua.LTable {
	table := &lua.LTable{}
	for _, item := range items {
		if value := luaScalarOrObject(item); value != nil {
			table.Append(value)
		}
	}
	return table
}

func luaScalarOrObject(value any) lua.LValue {
	switch given := value.(type) {
	case bool:
		return lua.LBool(given)
	case float64:
		return lua.LNumber(given)
	case string:
		return lua.LString(given)
	case map[string]any:
		return luaObject(given)
	}
	return nil
}

func luaResult(value lua.LValue) (any, error) {
	switch given := value.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(given), nil
	case lua.LString:
		return string(given), nil
	case lua.LNumber:
		number := float64(given)
		if math.IsNaN(number) || math.IsInf(number, 0) {
			return fmt.Sprint(number), nil
		}
		return number, nil
	case *lua.LTable:
		return luaTable(given)
	}
	return nil, fmt.Errorf("run: a %s is no data", value.Type())
}

func luaTable(table *lua.LTable) (any, error) {
	if length := table.MaxN(); length > 0 {
		list := make([]any, length)
		for index := range list {
			item, err := luaResult(table.RawGetInt(index + 1))
			if err != nil {
				return nil, err
			}
			list[index] = item
		}
		return list, nil
	}
	object := map[string]any{}
	var failure error
	table.ForEach(func(key, part lua.LValue) {
		name, err := luaResult(key)
		value, other := luaResult(part)
		if err != nil || other != nil {
			failure = fmt.Errorf("%w%w", err, other)
		}
		object[fmt.Sprint(name)] = value
	})
	if failure != nil {
		return nil, failure
	}
	if marks, is := table.Metatable.(*lua.LTable); is && len(object) == 0 && marks.RawGetString("__is_array") == lua.LTrue {
		return []any{}, nil
	}
	return object, nil
}
