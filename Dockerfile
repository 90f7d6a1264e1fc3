# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH make build BIN=/out
RUN mkdir -m 0770 /out/data

# Nothing but the program, and the authorities that a bucket, a database or an ACME server
# is known by.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/uploadd /uploadd
# Any user will do, as long as it is in group 0: `docker run --user 12345` is, and so
# is every user of OpenShift.
COPY --from=build --chown=65532:0 /out/data /data
ENV UPLOADD_LISTEN=0.0.0.0:8080 UPLOADD_DATA=/data UPLOADD_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
USER 65532:0
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["/uploadd", "ready"]
ENTRYPOINT ["/uploadd"]
CMD ["serve"]
