package api

import (
	_ "embed"
	"net/http"
)

// The tests compare it with the routes and with what they are answered.
//
//go:embed openapi.json
var openAPI []byte

func description(*request) (answer, error) {
	return answer{status: http.StatusOK, body: openAPI}, nil
}
