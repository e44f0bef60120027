// Package examples carries the sample data that ships with the product.
package examples

import _ "embed"

// Demo is the document that `mcrflow up --demo` loads; package demo reads it.
//
//go:embed demo.yaml
var Demo []byte
