// Command generate cuts the tables of package model out of botocore's service
// models:
//
//	go run ./internal/wire/model/generate -models DIR
//
// DIR holds <service>.service.json for each service. What the SDK that go.mod
// names has beyond these models is added from the SDK's own types.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/keyturn/keyturn/internal/wire/model"
)

var services = []string{"autoscaling", "cloudtrail", "ebs", "ec2", "iam", "kms", "organizations", "sts"}

type source struct {
	Metadata struct {
		APIVersion, Protocol, JSONVersion, TargetPrefix, XMLNamespace string
	}
	Operations map[string]struct {
		Input  *ref
		Output *struct{ Shape, ResultWrapper string }
		Errors []ref
		HTTP   struct {
			Method, RequestURI string
			ResponseCode       int
		}
	}
	Shapes map[string]shape
}

type ref struct {
	Shape, LocationName, Location, QueryName, TimestampFormat string
	Flattened, IdempotencyToken, Streaming                    bool
}

type shape struct {
	Type             string
	Members          map[string]ref
	Member           *ref
	Key, Value       *ref
	Required         []string
	Enum             []string
	Pattern          string
	Min, Max         *float64
	Sensitive, Fault bool
	Flattened        bool
	Exception, Union bool
	Payload          string
	TimestampFormat  string
	LocationName     string
	Error            *struct {
		Code           string
		HTTPStatusCode int
		SenderFault    bool
	}
}

func main() {
	log.SetFlags(0)
	models := flag.String("models", "", "folder of the service models")
	out := flag.String("out", "internal/wire/model/tables", "folder to write to")
	flag.Parse()
	if *models == "" {
		log.Fatal("generate: say with -models where the service models are")
	}
	for _, s := range services {
		if err := generate(*models, *out, s); err != nil {
			log.Fatalf("generate: %s: %v", s, err)
		}
	}
}

func generate(models, out, service string) error {
	raw, err := os.ReadFile(filepath.Join(models, service+".service.json"))
	if err != nil {
		return err
	}
	var m source
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	lines := map[string]any{"m:": model.Meta{
		Version: m.Metadata.APIVersion, Protocol: m.Metadata.Protocol, JSONVersion: m.Metadata.JSONVersion,
		Target: m.Metadata.TargetPrefix, Namespace: m.Metadata.XMLNamespace,
	}}
	for name, o := range m.Operations {
		lines["o:"+name] = operation(o.Input, o.Output, o.HTTP.Method, o.HTTP.RequestURI, o.HTTP.ResponseCode)
	}
	for name, s := range m.Shapes {
		lines["s:"+name] = convert(s)
		if !s.Exception {
			continue
		}
		e := model.Error{Shape: name, Fault: s.Fault}
		code := name
		if s.Error != nil {
			e.Status = s.Error.HTTPStatusCode
			code = cmp.Or(s.Error.Code, name)
		}
		lines["e:"+code] = e
	}
	if n := supplementFrom(clients[service], m.Metadata.Protocol, lines); n > 0 {
		log.Printf("%s: the SDK has %d members and operations that the model lacks", service, n)
	}
	var text bytes.Buffer
	keys := make([]string, 0, len(lines))
	for k := range lines {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		line, err := json.Marshal(lines[k])
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s\t%s\n", k, line)
	}
	return os.WriteFile(filepath.Join(out, service+".txt"), text.Bytes(), 0o644) //nolint:gosec // source, for everybody
}

func operation(in *ref, out *struct{ Shape, ResultWrapper string }, method, uri string, status int) model.Operation {
	o := model.Operation{}
	if in != nil {
		o.Input = in.Shape
	}
	if out != nil {
		o.Output, o.Wrapper = out.Shape, out.ResultWrapper
	}
	if method != "POST" || uri != "/" {
		o.Method, o.URI, o.Status = method, uri, status
	}
	return o
}

func convert(s shape) model.Shape {
	c := model.Shape{
		Type: s.Type, Required: s.Required, Enum: s.Enum, Pattern: s.Pattern, Min: s.Min, Max: s.Max,
		Sensitive: s.Sensitive, Flattened: s.Flattened, Payload: s.Payload, Union: s.Union,
	}
	if s.Member != nil {
		c.Member = reference(*s.Member, "")
	}
	if s.Key != nil {
		c.Key, c.Value = reference(*s.Key, ""), reference(*s.Value, "")
	}
	for name, m := range s.Members {
		c.Members = append(c.Members, *reference(m, name))
	}
	slices.SortFunc(c.Members, func(a, b model.Member) int { return cmp.Compare(a.Name, b.Name) })
	return c
}

func reference(r ref, name string) *model.Member {
	return &model.Member{
		Name: name, Shape: r.Shape, Location: r.Location, Wire: r.LocationName, Query: r.QueryName,
		Time: r.TimestampFormat, Flattened: r.Flattened, Token: r.IdempotencyToken,
	}
}
