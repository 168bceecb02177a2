/// Digests of the state after the cases of each integer LSX instruction, as computed by an independent implementation
/// of the architecture (qemu-user 11.1) from the same cases: mnemonic, then 16 hexadecimal digits.
enum VectorDigests {
  static let casesPerInstruction = 32

  static let expected: [String: UInt64] = {
    let words = table.split(whereSeparator: \.isWhitespace)
    let pairs = stride(from: 0, to: words.count, by: 2).map {
      (String(words[$0]), UInt64(words[$0 + 1], radix: 16) ?? 0)
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }()

  private static let table = """
    vseq.b 78f691562bb27b05 vseq.h 45d9aa3031c620a7 vseq.w 9ed38c0bb5ab92d2 vseq.d 86e09a71dc6a04bf
    vsle.b d0ead3375b346301 vsle.h 4c19a9b4821af593 vsle.w 70623277a9a00c31 vsle.d a3eab390eab314d1
    vsle.bu ae789a5738a06972 vsle.hu dd348096079dd04b vsle.wu 30154503881276d1 vsle.du c9830503aef2ebf5
    vslt.b 8e52b1a58495e97b vslt.h cc8af50db3685d65 vslt.w 592f000ec455ddf9 vslt.d e1c62d7594becd2b
    vslt.bu 0274645cac0ec99f vslt.hu 271920a79fc42821 vslt.wu 6f7962f6752db310 vslt.du 755f5ac2f1905c45
    vadd.b 5ac933d02402dd32 vadd.h e13161ca65fc2830 vadd.w 77a05f458fa75608 vadd.d 5eda63a237c81a44
    vsub.b 489fc61a28f9a7e3 vsub.h db31bc1b7c45e803 vsub.w 15597d0c5fdcfa44 vsub.d 4c2c2a1ccfcaec5e
    vaddwev.h.b 2bca3c179383e106 vaddwev.w.h 5860874d3f96c65c vaddwev.d.w f746aba743e65c6d
    vaddwev.q.d 6a03b45d07847937 vsubwev.h.b 085e18a0fa8eb3df vsubwev.w.h 23123a129a6b3d42
    vsubwev.d.w a33fab149fadd961 vsubwev.q.d a416da2a0aad8bc9 vaddwod.h.b 9e1c13edb6abe49d
    vaddwod.w.h 4e9cd747eb9c931c vaddwod.d.w a60411633b2166fc vaddwod.q.d 690dadfd70535581
    vsubwod.h.b 505ab5797b9f9a60 vsubwod.w.h 14fe35b7153ef1c7 vsubwod.d.w 64cb5b8a069ffd9b
    vsubwod.q.d 096c87f7b87846d3 vaddwev.h.bu 5d2ea34fcc582151 vaddwev.w.hu 43feee82052edbf5
    vaddwev.d.wu 15aa08eb46841aa4 vaddwev.q.du 557e9f997890d79b vsubwev.h.bu ae0fe02f09fe6a3b
    vsubwev.w.hu a53509bbebc3c857 vsubwev.d.wu 4b358e681b90e44b vsubwev.q.du 9118d154d760b402
    vaddwod.h.bu 1128e9aaea528f87 vaddwod.w.hu bcb29dd5464883ad vaddwod.d.wu 58570e10af7a12c1
    vaddwod.q.du f49d139f8e422de2 vsubwod.h.bu eb8fd58416adf32b vsubwod.w.hu 6b3e757c59e4d504
    vsubwod.d.wu a17ef79cb4543a73 vsubwod.q.du 0473caeed50255ea vaddwev.h.bu.b 8dcc4f72ed94208a
    vaddwev.w.hu.h 4431002a9b20b9cf vaddwev.d.wu.w 084a7f9880b38b3d vaddwev.q.du.d 9f316a76bfb7bf3e
    vaddwod.h.bu.b e161465a95c188c9 vaddwod.w.hu.h 1df8413935185975 vaddwod.d.wu.w 2905f12f5a779940
    vaddwod.q.du.d 8db468fa37e31b56 vsadd.b 3a5deb809f82c561 vsadd.h 217d19156fd8aa83 vsadd.w 7cbd7786f19c8f24
    vsadd.d 12c688d80e408d4d vssub.b aff4b9f54065ae18 vssub.h ae8892aee01c37ac vssub.w b9d15b941d9d4b41
    vssub.d 4f0922b76828dafe vsadd.bu 9b3507f4f2d44841 vsadd.hu 72b76d1d1ddf88b9 vsadd.wu a1ed31465d390124
    vsadd.du 3e6baf7a55b3b0c0 vssub.bu 43bf0c8cf881f267 vssub.hu 801378a0c733ad91 vssub.wu a849cb0bde195dca
    vssub.du 71b636b513e6a4bb vhaddw.h.b a75d234aa556a92d vhaddw.w.h a170b3a02a8b8752 vhaddw.d.w c2c0868dc0efe067
    vhaddw.q.d 0443d9311bdd0493 vhsubw.h.b 29755dcf2e1e22ad vhsubw.w.h 4d7ac27533c8ac1f vhsubw.d.w 519a8b0aa11ec12d
    vhsubw.q.d 104cfa9a1a30f2ac vhaddw.hu.bu d8f13c961cc9ea9c vhaddw.wu.hu 9d70358552c527ec
    vhaddw.du.wu 6a0e53e0681d430c vhaddw.qu.du 4942c9b03a0e76fe vhsubw.hu.bu 2b732503c79a28f5
    vhsubw.wu.hu 5f92e855bd9b6d80 vhsubw.du.wu 6064fecf744a2ac2 vhsubw.qu.du 358ef0224f428e10 vadda.b 4a5a65727742619a
    vadda.h ea9d4199576743ba vadda.w a13d17a16a7d46ab vadda.d ef9c2c4fbada2c58 vabsd.b 00fd6d8e1b455214
    vabsd.h 86d9cb2bfd001a1b vabsd.w 64576a959a053afe vabsd.d 8ddaef1dc0080ca5 vabsd.bu 898fc7da8edfc22e
    vabsd.hu f4e39fdab9177d89 vabsd.wu 207498abdcb3291a vabsd.du 383de9c8d625fe32 vavg.b 870a9edf0297b4f9
    vavg.h bd376480704cedcf vavg.w dc89212d9b139b65 vavg.d 143762cf63579be7 vavg.bu 1843b393eb54dce8
    vavg.hu 6598754b5a56cb49 vavg.wu db6d45326dd8140b vavg.du da3f3eeb1cd13221 vavgr.b fa7e78761b4cf7e7
    vavgr.h d3b8c1de1c2c7c77 vavgr.w ee0a39bbf5fe7bae vavgr.d d43155ae70b33bdd vavgr.bu 545d21220ab71ed6
    vavgr.hu 24f08ac1c8dc80eb vavgr.wu 47b8b4d6f05dd2c2 vavgr.du 4f9ecf4e36564a00 vmax.b 6fec3afe4aae3875
    vmax.h d98583c9639f6b6b vmax.w 665215deb938b636 vmax.d a4bac77d39b037a8 vmin.b a66fdd4edb222181
    vmin.h eff3c4a2ecef18e7 vmin.w 508c233bc4f01e97 vmin.d 82dcac3c83e9ac71 vmax.bu e3859f2baf3195e9
    vmax.hu 6b3d842cdd5d9efe vmax.wu 380b28ebb69e274a vmax.du 10fd9279edd284b3 vmin.bu f556827238e68a09
    vmin.hu d7ef971540d96221 vmin.wu 73594231c7cc4324 vmin.du 15363a60fcfe4c76 vmul.b c82acaf7a2087c10
    vmul.h 770f0a994aa4c2c0 vmul.w 743844d81df3165f vmul.d d767f76ccfb80326 vmuh.b f9bdc4b5e68d6c5f
    vmuh.h c34db7750b32e811 vmuh.w 179100d99b206b27 vmuh.d 1a36eae679e95979 vmuh.bu c50973f0d5c1baf6
    vmuh.hu ea5b6695b30fdd6b vmuh.wu 5594eb8b9aa57498 vmuh.du b5f2fa610a7ba0e9 vmulwev.h.b f8a2f5301676624a
    vmulwev.w.h f5677d0129543e13 vmulwev.d.w 1a47546d4fa0805c vmulwev.q.d f80eef768114de2b
    vmulwod.h.b e54fe90934654d8e vmulwod.w.h f9b7f7100490e6a0 vmulwod.d.w 2af12e5f363d7224
    vmulwod.q.d 65e9923c7ca58356 vmulwev.h.bu 39fce2030fabbf0a vmulwev.w.hu 40b5aa42deaffb84
    vmulwev.d.wu 5d34d60933c0df32 vmulwev.q.du 10a3cf324e1dd7a6 vmulwod.h.bu dc213ce3b6ae201b
    vmulwod.w.hu 2c48ffe6c35d8982 vmulwod.d.wu 4ee3fdb424ba4876 vmulwod.q.du ff7bfd5984fd28a7
    vmulwev.h.bu.b 75affabb252df42e vmulwev.w.hu.h 1e8927b54a255309 vmulwev.d.wu.w e59b05d3c0df87f1
    vmulwev.q.du.d 98261fd1163d41fa vmulwod.h.bu.b b1c45d7c5f313f79 vmulwod.w.hu.h 148859892f1b0f9e
    vmulwod.d.wu.w 5ca1c09a85cf9303 vmulwod.q.du.d 10e392d49dd4d052 vmadd.b bd65163b2c81974d vmadd.h 6b160053b06b651b
    vmadd.w 097763ea92dded5f vmadd.d dc23c45bc4afb2c7 vmsub.b eae8f9654f31f8e7 vmsub.h b38b7ec22ee99f18
    vmsub.w 9b0999fb6428073c vmsub.d 06a8aaa75547c72b vmaddwev.h.b bb90b29cb4809a95 vmaddwev.w.h 80777e3ab60a38cc
    vmaddwev.d.w d4b5185d152c91c2 vmaddwev.q.d 89c0df41f3d54e24 vmaddwod.h.b c0ea71812c2639e2
    vmaddwod.w.h 8ec567bbfe758a6f vmaddwod.d.w 36178f60417fb24a vmaddwod.q.d 07bf0a75991a06bc
    vmaddwev.h.bu d12006745d899e2a vmaddwev.w.hu 4fb8fde8f0d92856 vmaddwev.d.wu e78dcba74fbfe953
    vmaddwev.q.du 0df7deb528e399b3 vmaddwod.h.bu 7835738af14fd2b7 vmaddwod.w.hu 69d6ade035502a2d
    vmaddwod.d.wu 3823ed8cea8aeaf3 vmaddwod.q.du 769c0942a93367b4 vmaddwev.h.bu.b 94d7540eb20dfdb2
    vmaddwev.w.hu.h cc0a3cb88331e9fb vmaddwev.d.wu.w 9f996f25610cc7b2 vmaddwev.q.du.d c215dccbe51fd9e2
    vmaddwod.h.bu.b d6d79d2505bf3bba vmaddwod.w.hu.h c0da09c778b8df21 vmaddwod.d.wu.w 4d4cfb9577dec3e1
    vmaddwod.q.du.d 3028724d6e26ffcc vdiv.b acfca1375e0dc1c0 vdiv.h 7e409a667a58fa5a vdiv.w c1089d37a1fb1b97
    vdiv.d e1b0fdbb3ee64383 vmod.b 3034e9945357edf7 vmod.h 2d9b2eee61ccbf1e vmod.w 70f4f70e8a4606f7
    vmod.d 0b16045c84b62887 vdiv.bu f312385366acbf84 vdiv.hu 281f386cc09f7ea7 vdiv.wu a273e54ca8c57aaa
    vdiv.du 38ebe90b97a5f7d2 vmod.bu e5663ea4c5e33f2e vmod.hu 269976b73cbbb047 vmod.wu b6293814799a57a1
    vmod.du 581ff3c0fdbb05cc vsll.b cd0a168471062ffd vsll.h 6cb088c9c1c5b4af vsll.w c17724079a7561c7
    vsll.d 0a800227b2a8cf16 vsrl.b 489096e877e42b60 vsrl.h 6c3aa454edac4b87 vsrl.w 22aab0ebf68ec0a5
    vsrl.d fb2e63b001283531 vsra.b 521e85e095342a77 vsra.h 9c795acf1dd2d9a5 vsra.w 1dda3f178500b7c5
    vsra.d 97380e5bc23b02de vrotr.b 0d251362c3977ed5 vrotr.h 48e2aade0dbfad85 vrotr.w a2c680f17bc6c626
    vrotr.d 2354ed3f51a8bb5b vsrlr.b f545485634317f1d vsrlr.h 18c543afab105733 vsrlr.w ffba04c2b8c9a673
    vsrlr.d 232779d5f15a0434 vsrar.b aeb822b6233f229e vsrar.h ccf1786c915fc2d5 vsrar.w cec38eebd86b6a1c
    vsrar.d f282a59950dd30b8 vsrln.b.h 04d88a7fa5e1fc93 vsrln.h.w 1afd76548aeb7ac3 vsrln.w.d 6c07d57b634681f2
    vsran.b.h 54ad4ee02bd20266 vsran.h.w 0db5666bebb57a6b vsran.w.d 53710961c868fb85 vsrlrn.b.h 71dc32a8c4e8c522
    vsrlrn.h.w 0352ff940e72d1e0 vsrlrn.w.d 073e1cc821c7918d vsrarn.b.h 8b743efff624b01e vsrarn.h.w f20ecb3ce9990d7d
    vsrarn.w.d 1097c4ed68d60c46 vssrln.b.h c4b8ebec51f7795c vssrln.h.w 625d22bdc3907fa3 vssrln.w.d 64507c367bc104e7
    vssran.b.h 5520b25cbab76b79 vssran.h.w f244e6cbc6e63cd6 vssran.w.d bc077fe56d13a7a9 vssrlrn.b.h fdeb9700973c0168
    vssrlrn.h.w 662976772f805494 vssrlrn.w.d 7998ed5fe16510b7 vssrarn.b.h cd826d361dd03cdd
    vssrarn.h.w 382d929c5c98ff7f vssrarn.w.d bae939e4fcfdd43e vssrln.bu.h a63f37f7efc27d85
    vssrln.hu.w 05ce59f86d97041e vssrln.wu.d ab8e57c2e1841d35 vssran.bu.h 97e07aa294be6559
    vssran.hu.w 6a7f4daca9841563 vssran.wu.d 4a4e43a02e405cf9 vssrlrn.bu.h 83baf6e197e7c053
    vssrlrn.hu.w b8899fe26f3fb28f vssrlrn.wu.d 74c497a5ed7d23a1 vssrarn.bu.h 7d0f30df3a51c0c0
    vssrarn.hu.w 11d11f87c71bd21c vssrarn.wu.d 6c5e1d736bd84144 vbitclr.b 3c5202675e910ec7 vbitclr.h 97bde8d65839aa39
    vbitclr.w a805e27898ae973b vbitclr.d 4c9f4ab4f5e0525a vbitset.b 5ddac30aacc4b21a vbitset.h 0fb2d64344527235
    vbitset.w b19feb19715df3e7 vbitset.d 820e08395ccd2117 vbitrev.b 6b12699007203f5d vbitrev.h d5568cc3d3289d30
    vbitrev.w c4941482f3d7266e vbitrev.d 25312f0aa6aa9e19 vpackev.b 882773bb99e22ede vpackev.h 5b393c22c40c2a8b
    vpackev.w 6a2c8031cad4ae91 vpackev.d 269ff2b62f26fd07 vpackod.b cf9311c23f80f868 vpackod.h 7541d195c862ef96
    vpackod.w ad9bf0ff74a5712a vpackod.d 107c9a7321e7a7f4 vilvl.b 5e23094e078003d5 vilvl.h 2b1f2db532f41a4d
    vilvl.w 6b916e8468f3fee9 vilvl.d 11dbeca54fc79931 vilvh.b 7abb9627295393c4 vilvh.h beea91528e042785
    vilvh.w aa620b71736e8e1b vilvh.d 903dc0986a2a44ca vpickev.b fcb9286247b3d9dd vpickev.h a79a86fe1029af2c
    vpickev.w d536cbcf63150b35 vpickev.d 2a440b2c9d68ef96 vpickod.b 228be421b8f09190 vpickod.h c1f38342d3be9468
    vpickod.w 4705d0739fa6c074 vpickod.d 682c86c782cfa17b vand.v fdb43760cc899e3c vor.v 7ab89ccf39be6578
    vxor.v 914ae2d772b3ad86 vnor.v 3106ad85ff81b5d8 vandn.v 6e62529ae76b1997 vorn.v f73c875d780ab43e
    vfrstp.b 7f162764a3aaa6cd vfrstp.h 0e403e6cda709557 vadd.q dee69e9178fdc272 vsub.q 556dcc602b305b51
    vsigncov.b 0275c6f1066c9c82 vsigncov.h 252167465c16c399 vsigncov.w 3e217e0da47742f2 vsigncov.d 9ce93398853af960
    vshuf.h 1d253c3cd25b7557 vshuf.w 9223c44088054f43 vshuf.d 311f0cb0d8cdfaf3 vclo.b 698fe797b6e85326
    vclo.h dcccf9302911c458 vclo.w d8ca62b7007fcdd6 vclo.d e249b5d586f752e1 vclz.b fa7b7969cf6cb383
    vclz.h c3b25ff33125a6c7 vclz.w 47a80daca96071f1 vclz.d b8bf01245a63ed0c vpcnt.b d1684965a3554338
    vpcnt.h efb6a93c10044d7a vpcnt.w b916133c23a9a06c vpcnt.d 7228bf4b6a9e7884 vneg.b 61984014a2f5e3ed
    vneg.h 030ba0c062751040 vneg.w 1fe9e72f9c31916a vneg.d e0313fc7c1b93417 vmskltz.b 8c389878cf24a604
    vmskltz.h ddced35760f464c5 vmskltz.w 246cc41cc6bc577d vmskltz.d a548308bf248f3b6 vmskgez.b 4128cb670eb88607
    vmsknz.b ee1c3dbe6630638f vexth.h.b aa525170ccdef394 vexth.w.h 453a77ecf9fe9549 vexth.d.w e19624c47d6787a3
    vexth.q.d cb18a6a4cfa03a19 vexth.hu.bu 632cf0daa11792c4 vexth.wu.hu 9e3b69e9d8b761f2 vexth.du.wu 59627cecfd1532e1
    vexth.qu.du e699d53d4cf7966d vseqi.b ec3c490f96b7e706 vseqi.h 06cc0c04fe93a889 vseqi.w dcceff827c704cb4
    vseqi.d 3884786772721652 vslei.b 782888e43886411d vslei.h f48f2bc41108fb2c vslei.w 2cbc396dd240d84c
    vslei.d 5907a1af71defb3e vslti.b 8ff127a48baa7745 vslti.h 4cf24d21800b3dac vslti.w 5b55ac00e814f2dc
    vslti.d daf5de11fe31a0a2 vmaxi.b 35c1f39e4a9ab6a4 vmaxi.h 9a9e218a0f3d2134 vmaxi.w 59211e95428efe05
    vmaxi.d cad3034b75604f41 vmini.b db4ba17e8b5eb50f vmini.h b9e6c4bb0c166ba6 vmini.w 0d57378121f69b9a
    vmini.d 7021b3bf26a5dae0 vslei.bu ea7f7a8e52402888 vslei.hu cff52b005b6bab83 vslei.wu 3c0e6e0ba6da5bbb
    vslei.du 798600cff00c1e2d vslti.bu a8f17edbce16d293 vslti.hu 6c737e8823d21b56 vslti.wu 7fe613d20afb5915
    vslti.du f60937a176225ff2 vaddi.bu 33015df07165cc8b vaddi.hu c855ef21cda28079 vaddi.wu 101e67e061859f54
    vaddi.du c9a7205010426049 vsubi.bu 89a1813d6a11d9d6 vsubi.hu c0e0ac06e8d36843 vsubi.wu 863425c3866e654a
    vsubi.du 5c35100c8c13dd81 vbsll.v 707ce4a736f4f313 vbsrl.v 3775ffae9bfd572f vmaxi.bu 0bf685ea13f51adb
    vmaxi.hu 02b5ff42c5aebb13 vmaxi.wu b8a9d509849510e8 vmaxi.du 3853a2d3f2c56553 vmini.bu 1a13ae9bdf031e89
    vmini.hu 832a733e16e577e2 vmini.wu d76d6f80bc6a9ef5 vmini.du 5cc0f70752d7cf6c vfrstpi.b 30e171cd6ab3be65
    vfrstpi.h 93f09152f2964c70 vextrins.d 27aec0f528681a5d vextrins.w 0b803bd69eb9ae50 vextrins.h 528a91756af80ca8
    vextrins.b c5d986f95660e828 vshuf4i.b 4409c2a34acf9543 vshuf4i.h 1e6f15d833c3636f vshuf4i.w d851debcf50c8df4
    vshuf4i.d dd21dc3d52cea5ce vbitseli.b 6967d2a5382d4e09 vandi.b d420856b8e46809e vori.b f0aa06489d3d1337
    vxori.b a3be2c927fe902d1 vnori.b a5da55c4381d9fe3 vpermi.w face786623443877 vseteqz.v 2a1fe0777e87fbb3
    vsetnez.v 2b1818ffd27340f4 vsetanyeqz.b f7aab4b9806a12d9 vsetanyeqz.h 8233fad873da772a
    vsetanyeqz.w a7ba8f7beded6203 vsetanyeqz.d 58e39fed1f2faba2 vsetallnez.b d306ff29706e1be9
    vsetallnez.h 3808d4c3d5878f4c vsetallnez.w e55eb7e127c7ad19 vsetallnez.d 4947c73f2d14b4b7
    vreplve.b 96e40122d10265cb vreplve.h e9e189cb154b0cf0 vreplve.w 790e5f12f27d1698 vreplve.d 6a762101746baa11
    vreplgr2vr.b b5d1a64fa89ff736 vreplgr2vr.h e5ead176aafe05c6 vreplgr2vr.w 258de50966c352b9
    vreplgr2vr.d 7663c9edc02138aa vbitsel.v 436306601cdac1ad vshuf.b 4d8541ad8afd189e vrotri.b 4f2c2cd840fd1335
    vrotri.h 1cdc4b745f381c07 vrotri.w d62cd83a12b80fc1 vrotri.d 5fe2d3bb7193fcb4 vsrlri.b 526e8d35d99f19f3
    vsrlri.h 08826658b025ac3f vsrlri.w bf099de6ef90922f vsrlri.d 049271608167977f vsrari.b 9ec781f7507be359
    vsrari.h 9d8c5d5f319ed39e vsrari.w b148c68c16219254 vsrari.d f27f0a864dd4138a vsllwil.h.b 374279fb99db4812
    vsllwil.w.h f837535a79b20f80 vsllwil.d.w e629d7cfd459428c vsllwil.hu.bu f1f0d544b70adc3a
    vsllwil.wu.hu 515f055015c5303c vsllwil.du.wu 92bfc9aef7c467e2 vbitclri.b ebcdc1b9d283dd44
    vbitclri.h cf258130018c24ee vbitclri.w 71ac1e6f04bd64b8 vbitclri.d 31da27945de6520a vbitseti.b 3814f91193d07fa5
    vbitseti.h 75651f6fd01c84f9 vbitseti.w 86254bbed4008805 vbitseti.d 87722b904bf07a6e vbitrevi.b 836ddf61cf236fd4
    vbitrevi.h 76063f55fb3e192f vbitrevi.w 58d3da5a54f0a16c vbitrevi.d 29b7b274d9320583 vsat.b 7c21f59e3004afb6
    vsat.h 0b85b09ed8499335 vsat.w cfaf6004ad4949d3 vsat.d cc5d48088e9e00bc vsat.bu 02d2ab62616ba8d4
    vsat.hu e680eb17a2f86b18 vsat.wu ac3afd6a462eb546 vsat.du 828451aca42a2f2d vslli.b e1eebe1a9b980ddf
    vslli.h 685c05859e8615d7 vslli.w 2d10c00a1ae29e6a vslli.d 2b6526772ff38658 vsrli.b 5abef3ae34c13dd0
    vsrli.h 0292c3c8f5fe852a vsrli.w e0ffabae5ebf414c vsrli.d 1fd759982bb5f4cf vsrai.b 35d0a7145bc29cc9
    vsrai.h 7616f5f537dc888f vsrai.w 49549c1d66b3ae37 vsrai.d 09d814f262ec2ba9 vsrlni.b.h 0abe03b7b1147e33
    vsrlni.h.w 4db211d05bbc56ae vsrlni.w.d f79c21a200bb9741 vsrlni.d.q e766ad8291712442 vsrlrni.b.h 8d78c424f298c11a
    vsrlrni.h.w d050664e1a320a1d vsrlrni.w.d 51298388bfd15a96 vsrlrni.d.q 1b806080d9a71c0e
    vssrlni.b.h 7c0b18d52dfd07f2 vssrlni.h.w d385cfcb1ddb4301 vssrlni.w.d 2f2098717d0d6f82
    vssrlni.d.q 774608f072108cc2 vssrlni.bu.h 98decc17d27277b3 vssrlni.hu.w 6bd61cd58119a2ac
    vssrlni.wu.d a7e51b860b8f7e04 vssrlni.du.q 4d73360b731a1c23 vssrlrni.b.h 300b0dc326ca33f4
    vssrlrni.h.w 7d3e8093a4b02882 vssrlrni.w.d 9ac5b47f8f543e02 vssrlrni.d.q 093a57142c392382
    vssrlrni.bu.h 3ac07a75e400e516 vssrlrni.hu.w cafb6bb9a704acfd vssrlrni.wu.d f34d1bf6fec24326
    vssrlrni.du.q e1d3a4c65a11c496 vsrani.b.h e618aca787e364d6 vsrani.h.w 26148fcfbfd2ba9f vsrani.w.d 18e7bc88e187768d
    vsrani.d.q b8e93d84333e0b9b vsrarni.b.h ea6d1583b6f52ee9 vsrarni.h.w 6f0cfe13d1ca8111 vsrarni.w.d 57a4cb44730546f2
    vsrarni.d.q 7e25e73e6a37b634 vssrani.b.h f4e35c2cf1fab024 vssrani.h.w 8c6d83f4d7020ed4
    vssrani.w.d 7ec4e07f27174bda vssrani.d.q 6cf01d4c43c9cb4a vssrani.bu.h 5113b46b1fefa35b
    vssrani.hu.w 3dc7c52696e3cfd3 vssrani.wu.d 312e112a7514c5c7 vssrani.du.q be49e694d6e8afaf
    vssrarni.b.h eb9ae9bee83e6c67 vssrarni.h.w f896161f1573bef3 vssrarni.w.d 846be6a6eae0f481
    vssrarni.d.q 59af67a15c7b767b vssrarni.bu.h 57eeedcaa077d7fb vssrarni.hu.w 13c49b548c2ff9a3
    vssrarni.wu.d 93af51ec2d18587f vssrarni.du.q e516455694a6e55a vinsgr2vr.b 6683827da38e6005
    vpickve2gr.b 05919481c0ae91b9 vpickve2gr.bu 09dab7697f24fbd5 vreplvei.b 789503dac880eccc
    vinsgr2vr.h 40f820747ed375ca vpickve2gr.h 9cc2d8fb9dcdbc0d vpickve2gr.hu 60ae16209dd4610b
    vreplvei.h c67f2894d3e31c4c vinsgr2vr.w ffed717cb03d0da1 vpickve2gr.w 0b9a2bb6378ee7da
    vpickve2gr.wu 66ce5482dbf47e93 vreplvei.w 199954405fbe6403 vinsgr2vr.d 7a899f425b4dc4fe
    vpickve2gr.d 151ca8bed4865ec0 vpickve2gr.du f37152225634a51b vreplvei.d d7764143bc937b03
    vextl.q.d 9aebfe55d9b7ab2b vextl.qu.du 6b1a60ae368b0569 vldi 90fd40a1c405b901
    """
}
