package main

import (
	"bytes"
	"encoding/json"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

func init() { dialects["gotemplate"] = runTemplate }

// Ends what a template writes without end, as ours does.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(text []byte) (int, error) {
	if b.Len()+len(text) > 1<<22 {
		return 0, bytes.ErrTooLarge
	}
	return b.Buffer.Write(text)
}

// In: template, data, missingKey ("default", "zero", "error"), left and right delimiter, builtins (no sprig).
// Out: the text, each byte that is no UTF-8 as U+FFFD; an error that says "parse: " or "execute: ".
func runTemplate(request []byte) (any, error) {
	in := struct {
		Template   string `json:"template"`
		Data       any    `json:"data"`
		MissingKey string `json:"missingKey"`
		Left       string `json:"left"`
		Right      string `json:"right"`
		Builtins   bool   `json:"builtins"`
	}{MissingKey: "default"}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	parsing := template.New("t").Delims(in.Left, in.Right).Option("missingkey=" + in.MissingKey)
	if !in.Builtins {
		parsing = parsing.Funcs(sprig.HermeticTxtFuncMap())
	}
	parsed, err := parsing.Parse(in.Template)
	if err != nil {
		return nil, failure{"parse", err}
	}
	var out bounded
	if err := parsed.Execute(&out, in.Data); err != nil {
		return nil, failure{"execute", err}
	}
	return string([]rune(out.String())), nil
}

type failure struct {
	stage string
	cause error
}

func (f failure) Error() string { return f.stage + ": " + f.cause.Error() }
