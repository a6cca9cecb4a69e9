module tiphys.io/test/tools

go 1.23.0
