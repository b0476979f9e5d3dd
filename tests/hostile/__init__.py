"""What nobody should send, at every door: documents, texts, framings, and a fuzzer of them all."""
