module latchkey/compat

go 1.25.10

require github.com/unkeyed/sdks/api/go/v2 v2.7.1

require github.com/spyzhov/ajson v0.8.0 // indirect
