// Reads one JSON line per call, calls Unkey's Go client, and prints what the client returned.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"

	unkey "github.com/unkeyed/sdks/api/go/v2"
	"github.com/unkeyed/sdks/api/go/v2/retry"
)

type command struct {
	Do      string          `json:"do"`
	Group   string          `json:"group"`
	Method  string          `json:"method"`
	Input   json.RawMessage `json:"input"`
	URL     string          `json:"url"`
	RootKey string          `json:"rootKey"`
	Retries string          `json:"retries"`
}

type refusal struct {
	ClassName string          `json:"className"`
	Message   string          `json:"message"`
	Status    int             `json:"status,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

type result struct {
	Fields   map[string][]string `json:"fields,omitempty"`
	Response any                 `json:"response,omitempty"`
	Error    *refusal            `json:"error,omitempty"`
}

// recorder remembers the last response, since the client's typed errors do not have it.
type recorder struct{ last *http.Response }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(request)
	r.last = response
	return response, err
}

func client(c command, recorded *recorder) *unkey.Unkey {
	options := []unkey.SDKOption{unkey.WithServerURL(c.URL), unkey.WithClient(recorded)}
	if c.RootKey != "" {
		options = append(options, unkey.WithSecurity(c.RootKey))
	}
	switch c.Retries {
	case "none":
		options = append(options, unkey.WithRetryConfig(retry.Config{Strategy: "none"}))
	case "brief":
		backoff := retry.BackoffStrategy{InitialInterval: 10, MaxInterval: 50, Exponent: 1.5, MaxElapsedTime: 300}
		options = append(options, unkey.WithRetryConfig(retry.Config{Strategy: "backoff", Backoff: &backoff}))
	}
	return unkey.New(options...)
}

// bodyOf returns the parsed body of a response, whose struct has one member for it.
func bodyOf(response reflect.Value) any {
	for i := range response.Elem().NumField() {
		if strings.HasSuffix(response.Elem().Type().Field(i).Name, "ResponseBody") {
			return response.Elem().Field(i).Interface()
		}
	}
	return nil
}

func refusalOf(err error, recorded *recorder) *refusal {
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	found := refusal{ClassName: kind.Name(), Message: err.Error()}
	if recorded.last != nil {
		found.Status = recorded.last.StatusCode
		found.RequestID = recorded.last.Header.Get("X-Request-Id")
	}
	if _, isTyped := kind.FieldByName("Error_"); isTyped {
		found.Data, _ = json.Marshal(err)
	}
	return &found
}

func dataOf(body any) (any, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var page struct{ Data any }
	err = json.Unmarshal(text, &page)
	return page.Data, err
}

func call(c command) result {
	recorded := &recorder{}
	method := reflect.ValueOf(client(c, recorded)).Elem().FieldByName(c.Group).MethodByName(c.Method)
	request := reflect.New(method.Type().In(1))
	if err := json.Unmarshal(c.Input, request.Interface()); err != nil {
		return result{Error: &refusal{ClassName: "Unsendable", Message: err.Error()}}
	}
	returned := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), request.Elem()})
	pages := []any{}
	for {
		if err, isError := returned[1].Interface().(error); isError {
			return result{Error: refusalOf(err, recorded)}
		}
		if returned[0].IsNil() {
			return result{Response: pages}
		}
		body := bodyOf(returned[0])
		if c.Do == "call" {
			return result{Response: body}
		}
		data, err := dataOf(body)
		if err != nil {
			return result{Error: refusalOf(err, recorded)}
		}
		pages = append(pages, data)
		returned = returned[0].Elem().FieldByName("Next").Call(nil)
	}
}

// fieldsOf finds every field of a request's type, as `ratelimits[].name`.
func fieldsOf(kind reflect.Type, prefix string, found map[string]bool) {
	switch kind.Kind() {
	case reflect.Pointer:
		fieldsOf(kind.Elem(), prefix, found)
	case reflect.Slice:
		fieldsOf(kind.Elem(), prefix+"[]", found)
	case reflect.Map: // an optional field that may be null is a map from whether it is set to a pointer to its value
		if kind.Key().Kind() == reflect.Bool {
			fieldsOf(kind.Elem(), prefix, found)
		}
	case reflect.Struct:
		for i := range kind.NumField() {
			field := kind.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			path := name
			if prefix != "" {
				path = prefix + "." + name
			}
			found[path] = true
			fieldsOf(field.Type, path, found)
		}
	}
}

// operations returns the fields that each method can send, by `Group.Method`.
func operations() map[string][]string {
	all := map[string][]string{}
	sdk := reflect.ValueOf(unkey.New()).Elem()
	for i := range sdk.NumField() {
		group := sdk.Type().Field(i)
		if !group.IsExported() || group.Type.Kind() != reflect.Pointer {
			continue
		}
		for j := range group.Type.NumMethod() {
			method := group.Type.Method(j)
			found := map[string]bool{}
			fieldsOf(method.Type.In(2), "", found)
			names := []string{}
			for name := range found {
				names = append(names, name)
			}
			all[group.Name+"."+method.Name] = names
		}
	}
	return all
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			panic(err)
		}
		found := result{}
		if c.Do == "operations" {
			found.Fields = operations()
		} else {
			found = call(c)
		}
		text, err := json.Marshal(found)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}
