// IEEE 754 arithmetic on the host's FPU, with its rounding mode and its sticky exception flags.
//
// The optimiser takes every FP operation for free of side effects: it may move one across a write of the control
// word, drop it, or run it speculatively, and each of those changes the flags. So on x86_64 every operation is a
// volatile asm, which keeps its place among the others; elsewhere it is a call that nothing inlines.
// Flags come in the order of LoongArch's FCSR0 (Vol. 1, 3.1.4): I 1, U 2, O 4, Z 8, V 16. Rounding modes in that of
// its RM field: 0 nearest even, 1 towards zero, 2 up, 3 down. No function here reads or writes errno.
#pragma once

// What a compare found, as an index: greater 0, less 1, equal 2, unordered 7 (x86's carry, zero and parity flags).
#define ATOLL_FLOAT_GREATER 0
#define ATOLL_FLOAT_LESS 1
#define ATOLL_FLOAT_EQUAL 2
#define ATOLL_FLOAT_UNORDERED 7

// Whether the host multiplies and adds in one instruction.
int atoll_float_has_fma(void);
// Fused a × b + c where it does not: the C library's.
double atoll_fma_call_d(double a, double b, double c);
float atoll_fma_call_s(float a, float b, float c);

#if defined(__x86_64__)

// MXCSR (Intel SDM Vol. 1, 10.2.3): flags IE 0, DE 1, ZE 2, OE 3, UE 4, PE 5; masks 7–12; rounding 13–14.
static inline unsigned atoll_mxcsr_read(void) {
  unsigned value;
  __asm__ volatile("stmxcsr %0" : "=m"(value));
  return value;
}
static inline void atoll_mxcsr_write(unsigned value) { __asm__ volatile("ldmxcsr %0" : : "m"(value)); }

// Clears the flags, masks every exception, gives denormals their values and rounds as `mode` (0–3) says.
// Returns what `atoll_float_restore` needs to undo it.
static inline unsigned long atoll_float_enter(unsigned mode) {
  unsigned before = atoll_mxcsr_read();
  // x86's order of rounding modes is nearest, down, up, zero.
  atoll_mxcsr_write(0x1f80u | ((mode & 3) == 0 ? 0 : 4u - (mode & 3)) << 13);
  return before;
}
static inline void atoll_float_restore(unsigned long control) { atoll_mxcsr_write((unsigned)control); }
// Around code that is no arithmetic of the guest's: the flags as they are, and making them so again.
static inline unsigned atoll_float_keep(void) { return atoll_mxcsr_read(); }
static inline void atoll_float_put_back(unsigned kept) {
  if (atoll_mxcsr_read() != kept) atoll_mxcsr_write(kept);
}
// The flags raised since the last call, and clears them.
static inline unsigned atoll_float_take_flags(void) {
  unsigned value = atoll_mxcsr_read();
  if (value & 0x3f) atoll_mxcsr_write(value & ~0x3fu);
  return (value >> 5 & 1) | (value >> 3 & 2) | (value >> 1 & 4) | (value << 1 & 8) | (value << 4 & 16);
}

#define ATOLL_TWO(name, instruction, type) \
  static inline type name(type a, type b) { \
    __asm__ volatile(instruction " %1, %0" : "+x"(a) : "x"(b)); \
    return a; \
  }
ATOLL_TWO(atoll_add_d, "addsd", double)
ATOLL_TWO(atoll_add_s, "addss", float)
ATOLL_TWO(atoll_subtract_d, "subsd", double)
ATOLL_TWO(atoll_subtract_s, "subss", float)
ATOLL_TWO(atoll_multiply_d, "mulsd", double)
ATOLL_TWO(atoll_multiply_s, "mulss", float)
ATOLL_TWO(atoll_divide_d, "divsd", double)
ATOLL_TWO(atoll_divide_s, "divss", float)
#undef ATOLL_TWO

#define ATOLL_ONE(name, instruction, from, to, input, output) \
  static inline to name(from a) { \
    to result; \
    __asm__ volatile(instruction " %1, %0" : output(result) : input(a)); \
    return result; \
  }
ATOLL_ONE(atoll_root_d, "sqrtsd", double, double, "x", "=x")
ATOLL_ONE(atoll_root_s, "sqrtss", float, float, "x", "=x")
ATOLL_ONE(atoll_s_from_d, "cvtsd2ss", double, float, "x", "=x")
ATOLL_ONE(atoll_d_from_s, "cvtss2sd", float, double, "x", "=x")
ATOLL_ONE(atoll_d_from_l, "cvtsi2sdq", long, double, "r", "=x")
ATOLL_ONE(atoll_s_from_l, "cvtsi2ssq", long, float, "r", "=x")
// Towards zero. A NaN or a value out of range raises V alone and gives the most negative integer.
ATOLL_ONE(atoll_l_from_d, "cvttsd2siq", double, long, "x", "=r")
ATOLL_ONE(atoll_w_from_d, "cvttsd2sil", double, int, "x", "=r")
#undef ATOLL_ONE

// a × b + c, rounded once. Only where atoll_float_has_fma.
#define ATOLL_FUSED(name, instruction, type) \
  static inline type name(type a, type b, type c) { \
    __asm__ volatile(instruction " %2, %1, %0" : "+x"(a) : "x"(b), "x"(c)); \
    return a; \
  }
ATOLL_FUSED(atoll_fma_d, "vfmadd213sd", double)
ATOLL_FUSED(atoll_fma_s, "vfmadd213ss", float)
#undef ATOLL_FUSED

// Compares; `quiet` ones raise V for a signalling NaN only, the others for every NaN.
#define ATOLL_COMPARE(name, instruction, type) \
  static inline int name(type a, type b) { \
    int unordered, below, equal; \
    __asm__ volatile(instruction " %4, %3" : "=@ccp"(unordered), "=@ccc"(below), "=@ccz"(equal) : "x"(a), "x"(b)); \
    return below | equal << 1 | unordered << 2; \
  }
ATOLL_COMPARE(atoll_compare_quiet_d, "ucomisd", double)
ATOLL_COMPARE(atoll_compare_quiet_s, "ucomiss", float)
ATOLL_COMPARE(atoll_compare_d, "comisd", double)
ATOLL_COMPARE(atoll_compare_s, "comiss", float)
#undef ATOLL_COMPARE

// A whole vector register at once. Pointers need the alignment of a 64-bit word only and may be equal. `record` gets
// the operands, one after the other. Returns a bit for each lane whose result is a NaN.
typedef double atoll_lanes_d __attribute__((vector_size(16), aligned(8), may_alias));
typedef float atoll_lanes_s __attribute__((vector_size(16), aligned(8), may_alias));
typedef long atoll_lanes_l __attribute__((vector_size(16)));
#define ATOLL_PACKED(name, instruction, lanes, unordered, mask) \
  static inline int name(void *to, const void *a, const void *b, void *record) { \
    lanes left = *(const lanes *)a, right = *(const lanes *)b, nan; \
    ((lanes *)record)[0] = left; \
    ((lanes *)record)[1] = right; \
    __asm__ volatile(instruction " %1, %0" : "+x"(left) : "x"(right)); \
    *(lanes *)to = left; \
    nan = left; \
    int result; \
    __asm__ volatile(unordered " %1, %1\n\t" mask " %1, %0" : "=r"(result), "+x"(nan)); \
    return result; \
  }
#define ATOLL_PACKED_D(name, instruction) ATOLL_PACKED(name, instruction, atoll_lanes_d, "cmpunordpd", "movmskpd")
#define ATOLL_PACKED_S(name, instruction) ATOLL_PACKED(name, instruction, atoll_lanes_s, "cmpunordps", "movmskps")
ATOLL_PACKED_D(atoll_packed_add_d, "addpd")
ATOLL_PACKED_S(atoll_packed_add_s, "addps")
ATOLL_PACKED_D(atoll_packed_subtract_d, "subpd")
ATOLL_PACKED_S(atoll_packed_subtract_s, "subps")
ATOLL_PACKED_D(atoll_packed_multiply_d, "mulpd")
ATOLL_PACKED_S(atoll_packed_multiply_s, "mulps")
ATOLL_PACKED_D(atoll_packed_divide_d, "divpd")
ATOLL_PACKED_S(atoll_packed_divide_s, "divps")
#undef ATOLL_PACKED_D
#undef ATOLL_PACKED_S
#undef ATOLL_PACKED

// a × b + c of each lane; `flip_addend` and `flip_result` are xored in and hold the sign bits to change.
// Only where atoll_float_has_fma.
#define ATOLL_PACKED_FUSED(name, instruction, lanes, unordered, mask) \
  static inline int name( \
      void *to, const void *a, const void *b, const void *c, void *record, long flip_addend, long flip_result) { \
    lanes x = *(const lanes *)a, y = *(const lanes *)b, z = *(const lanes *)c, nan; \
    ((lanes *)record)[0] = x; \
    ((lanes *)record)[1] = y; \
    ((lanes *)record)[2] = z; \
    z = (lanes)((atoll_lanes_l)z ^ (atoll_lanes_l){flip_addend, flip_addend}); \
    __asm__ volatile(instruction " %2, %1, %0" : "+x"(x) : "x"(y), "x"(z)); \
    *(lanes *)to = (lanes)((atoll_lanes_l)x ^ (atoll_lanes_l){flip_result, flip_result}); \
    nan = x; \
    int result; \
    __asm__ volatile(unordered " %1, %1\n\t" mask " %1, %0" : "=r"(result), "+x"(nan)); \
    return result; \
  }
ATOLL_PACKED_FUSED(atoll_packed_fused_d, "vfmadd213pd", atoll_lanes_d, "cmpunordpd", "movmskpd")
ATOLL_PACKED_FUSED(atoll_packed_fused_s, "vfmadd213ps", atoll_lanes_s, "cmpunordps", "movmskps")
#undef ATOLL_PACKED_FUSED

#else

unsigned long atoll_float_enter(unsigned mode);
void atoll_float_restore(unsigned long control);
unsigned atoll_float_keep(void);
void atoll_float_put_back(unsigned kept);
unsigned atoll_float_take_flags(void);
double atoll_add_d(double a, double b);
float atoll_add_s(float a, float b);
double atoll_subtract_d(double a, double b);
float atoll_subtract_s(float a, float b);
double atoll_multiply_d(double a, double b);
float atoll_multiply_s(float a, float b);
double atoll_divide_d(double a, double b);
float atoll_divide_s(float a, float b);
double atoll_root_d(double a);
float atoll_root_s(float a);
float atoll_s_from_d(double a);
double atoll_d_from_s(float a);
double atoll_d_from_l(long a);
float atoll_s_from_l(long a);
long atoll_l_from_d(double a);
int atoll_w_from_d(double a);
double atoll_fma_d(double a, double b, double c);
float atoll_fma_s(float a, float b, float c);
int atoll_compare_quiet_d(double a, double b);
int atoll_compare_quiet_s(float a, float b);
int atoll_compare_d(double a, double b);
int atoll_compare_s(float a, float b);

#endif
