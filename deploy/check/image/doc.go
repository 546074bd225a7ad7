// Package image is the checks of deploy/docker/Dockerfile.
package image
