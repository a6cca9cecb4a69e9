package main

import (
	"encoding/base64"
	"encoding/json"

	"github.com/linkedin/goavro/v2"
)

func init() {
	dialects["avro"] = runAvro
	dialects["avro-encode"] = encodeAvro
}

// In: schema, value (a JSON text, read as an untyped value). Out: the value in Avro (base64).
func encodeAvro(request []byte) (any, error) {
	var in struct {
		Schema string `json:"schema"`
		Value  string `json:"value"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	codec, err := goavro.NewCodec(in.Schema)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal([]byte(in.Value), &value); err != nil {
		return nil, err
	}
	binary, err := codec.BinaryFromNative(nil, value)
	return base64.StdEncoding.EncodeToString(binary), err
}

// In: schema, binary (base64). Out: Avro's JSON encoding as a text.
func runAvro(request []byte) (any, error) {
	var in struct {
		Schema string `json:"schema"`
		Binary string `json:"binary"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	binary, err := base64.StdEncoding.DecodeString(in.Binary)
	if err != nil {
		return nil, err
	}
	codec, err := goavro.NewCodec(in.Schema)
	if err != nil {
		return nil, err
	}
	native, _, err := codec.NativeFromBinary(binary)
	if err != nil {
		return nil, err
	}
	text, err := codec.TextualFromNative(nil, native)
	return string(text), err
}
