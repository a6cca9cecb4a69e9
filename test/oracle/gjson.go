package main

import (
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

func init() {
	dialects["gjson"] = runGjson
	dialects["sjson"] = runSjson
}

// In: json (as text), path. Out: whether it exists, its type, GJSON's String() of it and its raw JSON.
func runGjson(request []byte) (any, error) {
	var in struct {
		JSON string `json:"json"`
		Path string `json:"path"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	found := gjson.Get(in.JSON, in.Path)
	return map[string]any{
		"exists": found.Exists(), "type": found.Type.String(), "text": found.String(), "raw": found.Raw,
	}, nil
}

// In: json (as text; empty for none), path, and the value as text or, when raw is true, as JSON. Out: the JSON after it.
func runSjson(request []byte) (any, error) {
	var in struct {
		JSON  string `json:"json"`
		Path  string `json:"path"`
		Value string `json:"value"`
		Raw   bool   `json:"raw"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	var result string
	var err error
	if in.Raw {
		result, err = sjson.SetRaw(in.JSON, in.Path, in.Value)
	} else {
		result, err = sjson.Set(in.JSON, in.Path, in.Value)
	}
	if err != nil {
		return nil, fmt.Errorf("set: %w", err)
	}
	return result, nil
}
