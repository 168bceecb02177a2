#include "atoll_float.h"
#include <math.h>

double atoll_fma_call_d(double a, double b, double c) { return fma(a, b, c); }
float atoll_fma_call_s(float a, float b, float c) { return fmaf(a, b, c); }

#if defined(__x86_64__)
#include <cpuid.h>

// FMA3 needs the processor's bit and an operating system that saves the AVX registers (Intel SDM Vol. 1, 14.5.3).
int atoll_float_has_fma(void) {
  unsigned a, b, c, d, low, high;
  const unsigned wanted = bit_FMA | bit_OSXSAVE | bit_AVX;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & wanted) != wanted) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & 6) == 6;
}

#elif !defined(__loongarch64)  // see atoll_float_loongarch.c
#include <fenv.h>
#include <float.h>
#include <limits.h>

#pragma STDC FENV_ACCESS ON

int atoll_float_has_fma(void) { return 1; }

// The rounding mode is all that there is to restore: exceptions are never enabled in this program.
unsigned long atoll_float_enter(unsigned mode) {
  static const int modes[4] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
  unsigned long before = (unsigned long)fegetround();
  feclearexcept(FE_ALL_EXCEPT);
  fesetround(modes[mode & 3]);
  return before;
}
void atoll_float_restore(unsigned long control) {
  feclearexcept(FE_ALL_EXCEPT);
  fesetround((int)control);
}
unsigned atoll_float_keep(void) { return (unsigned)fetestexcept(FE_ALL_EXCEPT); }
void atoll_float_put_back(unsigned kept) { feclearexcept(fetestexcept(FE_ALL_EXCEPT) & ~(int)kept); }
unsigned atoll_float_take_flags(void) {
  int raised = fetestexcept(FE_ALL_EXCEPT);
  feclearexcept(FE_ALL_EXCEPT);
  return (raised & FE_INEXACT ? 1u : 0) | (raised & FE_UNDERFLOW ? 2u : 0) | (raised & FE_OVERFLOW ? 4u : 0)
      | (raised & FE_DIVBYZERO ? 8u : 0) | (raised & FE_INVALID ? 16u : 0);
}
double atoll_add_d(double a, double b) { return a + b; }
float atoll_add_s(float a, float b) { return a + b; }
double atoll_subtract_d(double a, double b) { return a - b; }
float atoll_subtract_s(float a, float b) { return a - b; }
double atoll_multiply_d(double a, double b) { return a * b; }
float atoll_multiply_s(float a, float b) { return a * b; }
double atoll_divide_d(double a, double b) { return a / b; }
float atoll_divide_s(float a, float b) { return a / b; }
double atoll_root_d(double a) { return sqrt(a); }
float atoll_root_s(float a) { return sqrtf(a); }
float atoll_s_from_d(double a) { return (float)a; }
double atoll_d_from_s(float a) { return a; }
double atoll_d_from_l(long a) { return (double)a; }
float atoll_s_from_l(long a) { return (float)a; }
long atoll_l_from_d(double a) {
  if (a >= -0x1p63 && a < 0x1p63) return (long)a;
  feraiseexcept(FE_INVALID);
  return LONG_MIN;
}
int atoll_w_from_d(double a) {
  if (a > -0x1.00000002p31 && a < 0x1p31) return (int)a;
  feraiseexcept(FE_INVALID);
  return INT_MIN;
}
double atoll_fma_d(double a, double b, double c) { return fma(a, b, c); }
float atoll_fma_s(float a, float b, float c) { return fmaf(a, b, c); }

#define RELATION(a, b) \
  (isunordered(a, b) ? ATOLL_FLOAT_UNORDERED : isless(a, b) ? ATOLL_FLOAT_LESS \
   : isgreater(a, b) ? ATOLL_FLOAT_GREATER : ATOLL_FLOAT_EQUAL)
// `==` raises invalid for a signalling NaN, `<` for every NaN; the relation itself raises nothing.
int atoll_compare_quiet_d(double a, double b) { volatile int touch = a == b; (void)touch; return RELATION(a, b); }
int atoll_compare_quiet_s(float a, float b) { volatile int touch = a == b; (void)touch; return RELATION(a, b); }
int atoll_compare_d(double a, double b) { volatile int touch = a < b; (void)touch; return RELATION(a, b); }
int atoll_compare_s(float a, float b) { volatile int touch = a < b; (void)touch; return RELATION(a, b); }

#endif
