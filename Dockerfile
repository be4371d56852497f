# syntax=docker/dockerfile:1
# One static binary in an empty image. Build with .git in the context: the
# version information comes from it.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags '-s -w' -o /image/redoubt ./cmd/redoubt \
    && mkdir /image/data

FROM scratch
# A number, so that Kubernetes can see that it is not root.
COPY --from=build --chown=65532:65532 /image /
USER 65532:65532
VOLUME /data
ENV REDOUBT_DATA_DIR=/data REDOUBT_ADDR=:6379 REDOUBT_HTTP_ADDR=:7379
EXPOSE 6379 7379 16379
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/redoubt", "health"]
ENTRYPOINT ["/redoubt"]
