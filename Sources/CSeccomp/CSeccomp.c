// see CSeccomp.h
