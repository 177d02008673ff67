//! ONNX Runtime, loaded at run time.
