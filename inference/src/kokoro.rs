//! Kokoro-82M text to speech on ONNX Runtime.
