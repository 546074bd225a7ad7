module github.com/postrider/postrider/deploy/conformance/go

go 1.26.0

require github.com/svix/svix-webhooks v1.62.0
