// Package lint holds the files of deploy to the programs that read them: Compose's own
// loader, kustomize, and the types of Kubernetes. It is a module of its own, so that
// nothing of these is among the modules of uploadd.
package lint
