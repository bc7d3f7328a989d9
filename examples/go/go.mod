module example.com/my-api

go 1.22
