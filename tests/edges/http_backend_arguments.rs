//! What a caller sends stays in its place of the request.
