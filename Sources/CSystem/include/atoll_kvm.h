// The kernel's KVM: its requests, and how a thread is called back from a guest. Failure is -errno.
#pragma once
// ioctl(2). `argument` is a number or an address, as the request has it.
long atoll_kvm_control(int fd, unsigned long request, unsigned long argument);
// Gives SIGUSR1 a handler that does nothing and unblocks it in the calling thread, whose number it returns: the signal
// then ends KVM_RUN with EINTR. Without a handler it would end the process.
int atoll_kvm_prepare_thread(void);
// Sends SIGUSR1 to a thread of this process.
int atoll_kvm_interrupt(int thread);
// 1 if this program was compiled for LoongArch64.
int atoll_host_is_loongarch(void);
// CPUCFG word `word` of the CPU that this runs on; 0 elsewhere.
unsigned atoll_host_cpucfg(unsigned word);
