module github.com/postrider/postrider/deploy/conformance/go

go 1.26.0

require github.com/svix/svix-webhooks v1.84.0

require github.com/google/uuid v1.6.0 // indirect
