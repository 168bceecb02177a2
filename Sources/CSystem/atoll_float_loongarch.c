#include "atoll_float.h"

// The guest's arithmetic on the same machine: LoongArch's FCSR0 (Vol. 1, 3.1.4) as the header describes it, flags in bits
// 16–20, rounding mode in bits 8–9, traps (bits 0–4) never enabled. Volatile, as on x86_64, so that no operation moves across
// an access to it.
#if defined(__loongarch64)

#define FLAGS 0x1f0000u

static unsigned control(void) {
  unsigned value;
  __asm__ volatile("movfcsr2gr %0, $fcsr0" : "=r"(value));
  return value;
}
static void setControl(unsigned value) { __asm__ volatile("movgr2fcsr $fcsr0, %0" : : "r"(value)); }

int atoll_float_has_fma(void) { return 1; }

unsigned long atoll_float_enter(unsigned mode) {
  unsigned before = control();
  setControl((mode & 3) << 8);
  return before;
}
void atoll_float_restore(unsigned long before) { setControl((unsigned)before); }
unsigned atoll_float_keep(void) { return control(); }
void atoll_float_put_back(unsigned kept) {
  if (control() != kept) setControl(kept);
}
unsigned atoll_float_take_flags(void) {
  unsigned value = control();
  if (value & FLAGS) setControl(value & ~FLAGS);
  return (value & FLAGS) >> 16;
}

#define TWO(name, instruction, type) \
  type name(type a, type b) { \
    type result; \
    __asm__ volatile(instruction " %0, %1, %2" : "=f"(result) : "f"(a), "f"(b)); \
    return result; \
  }
TWO(atoll_add_d, "fadd.d", double)
TWO(atoll_add_s, "fadd.s", float)
TWO(atoll_subtract_d, "fsub.d", double)
TWO(atoll_subtract_s, "fsub.s", float)
TWO(atoll_multiply_d, "fmul.d", double)
TWO(atoll_multiply_s, "fmul.s", float)
TWO(atoll_divide_d, "fdiv.d", double)
TWO(atoll_divide_s, "fdiv.s", float)

#define ONE(name, instruction, from, to) \
  to name(from a) { \
    to result; \
    __asm__ volatile(instruction " %0, %1" : "=f"(result) : "f"(a)); \
    return result; \
  }
ONE(atoll_root_d, "fsqrt.d", double, double)
ONE(atoll_root_s, "fsqrt.s", float, float)
ONE(atoll_s_from_d, "fcvt.s.d", double, float)
ONE(atoll_d_from_s, "fcvt.d.s", float, double)

double atoll_d_from_l(long a) {
  double result;
  __asm__ volatile("movgr2fr.d %0, %1\n\tffint.d.l %0, %0" : "=f"(result) : "r"(a));
  return result;
}
float atoll_s_from_l(long a) {
  float result;
  __asm__ volatile("movgr2fr.d %0, %1\n\tffint.s.l %0, %0" : "=f"(result) : "r"(a));
  return result;
}

// This machine saturates and makes a NaN 0; the header wants the most negative integer for both. `limit` is the first
// double beyond the positive end.
static int isBeyond(double a, unsigned long limit) {
  unsigned long bits;
  __builtin_memcpy(&bits, &a, sizeof bits);
  unsigned long magnitude = bits & ~0UL >> 1;
  return magnitude > 0x7ff0000000000000 || (magnitude == bits && magnitude >= limit);
}
long atoll_l_from_d(double a) {
  double scratch;
  long result;
  __asm__ volatile("ftintrz.l.d %1, %2\n\tmovfr2gr.d %0, %1" : "=r"(result), "=&f"(scratch) : "f"(a));
  return isBeyond(a, 0x43e0000000000000) ? -__LONG_MAX__ - 1 : result;  // 2^63
}
int atoll_w_from_d(double a) {
  double scratch;
  int result;
  __asm__ volatile("ftintrz.w.d %1, %2\n\tmovfr2gr.s %0, %1" : "=r"(result), "=&f"(scratch) : "f"(a));
  return isBeyond(a, 0x41e0000000000000) ? -__INT_MAX__ - 1 : result;  // 2^31
}

#define FUSED(name, instruction, type) \
  type name(type a, type b, type c) { \
    type result; \
    __asm__ volatile(instruction " %0, %1, %2, %3" : "=f"(result) : "f"(a), "f"(b), "f"(c)); \
    return result; \
  }
FUSED(atoll_fma_d, "fmadd.d", double)
FUSED(atoll_fma_s, "fmadd.s", float)

// Unordered counts as less and as equal too, which makes the header's 7. The conditions with c are quiet (Vol. 1, 3.2.2.1).
#define COMPARE(name, kind, type) \
  int name(type a, type b) { \
    int less, equal, unordered; \
    __asm__ volatile( \
        "fcmp." kind "ult." #type " $fcc0, %3, %4\n\tmovcf2gr %0, $fcc0\n\t" \
        "fcmp." kind "ueq." #type " $fcc0, %3, %4\n\tmovcf2gr %1, $fcc0\n\t" \
        "fcmp." kind "un." #type " $fcc0, %3, %4\n\tmovcf2gr %2, $fcc0" \
        : "=&r"(less), "=&r"(equal), "=&r"(unordered) : "f"(a), "f"(b) : "$fcc0"); \
    return less | equal << 1 | unordered << 2; \
  }
typedef double d;
typedef float s;
COMPARE(atoll_compare_quiet_d, "c", d)
COMPARE(atoll_compare_quiet_s, "c", s)
COMPARE(atoll_compare_d, "s", d)
COMPARE(atoll_compare_s, "s", s)

#endif
