// see CCompression.h
