module github.com/keyturn/keyturn/bench

go 1.26.8

require (
	github.com/cedar-policy/cedar-go v1.9.0
	github.com/keyturn/keyturn v0.0.0
)

require (
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96 // indirect
)

replace github.com/keyturn/keyturn => ..
