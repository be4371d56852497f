package wal

var children = map[string]func(dir string){}
